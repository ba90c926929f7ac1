# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The shape of both kinds of documents, as data.

``check`` judges documents by these tables, ``schema`` makes the JSON Schema of them, ``docs/catalog.md`` explains
them. What a shape cannot say (names that must exist, types of references, cycles) is said by ``validate``.
"""

from __future__ import annotations

from collections.abc import Mapping

from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.shape_bundle import BUNDLE
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.shape_item import ITEM
from ansible_collections.holdfast.ops.plugins.module_utils.core.catalog.vocabulary import Object

KINDS: Mapping[str, Object] = {"CatalogItem": ITEM, "CatalogBundle": BUNDLE}
"""The tables by the ``kind`` of a document."""

BESIDE = ("Rehearsal",)
"""Kinds of documents that may stand in the same files and are judged elsewhere."""
