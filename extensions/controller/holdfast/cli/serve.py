# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``holdfast serve``: the controller with its AWX-shaped API."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Annotated, Optional

import typer

from holdfast.cli import screen


@screen.explained
def serve(
    host: Annotated[Optional[str], typer.Option(help="The address to listen on. [default: 127.0.0.1]")] = None,
    port: Annotated[
        Optional[int], typer.Option(min=0, max=65535, help="The port; 0 for any free one. [default: 8052]")
    ] = None,
    tls_cert: Annotated[Optional[Path], typer.Option(help="The certificate (PEM), with --tls-key.")] = None,
    tls_key: Annotated[Optional[Path], typer.Option(help="The key of the certificate (PEM).")] = None,
) -> None:
    """Serve the catalog as AWX would: surveys, launches, workflows, approvals, for AWX's clients.

    Everything it keeps lies in HOLDFAST_HOME. The first start makes the database, and prints the password of
    ``admin`` unless HOLDFAST_ADMIN_PASSWORD gives one. Ctrl-C ends it in order.
    """
    if importlib.util.find_spec("fastapi") is None:
        screen.fail("the controller is not installed; install it with: pip install 'holdfast[controller]'")
    if (tls_cert is None) != (tls_key is None):
        screen.fail("--tls-cert and --tls-key belong together: give both or none")
    from holdfast import serving

    serving.serve(host, port, tls_cert, tls_key)
