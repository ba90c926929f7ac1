# Copyright: Holdfast contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Configurations of NETCONF devices in the one fixed form."""

from __future__ import annotations

import pytest
from ansible_collections.holdfast.ops.plugins.module_utils.core.errors import HoldfastError
from ansible_collections.holdfast.ops.plugins.module_utils.core.lkg.providers import netconf_xml as xml

A, B = "urn:a", "urn:b"
NORMAL = f"""\
<top xmlns="{A}">
 <name>x &amp; &lt;y&gt;</name>
 <kind>copper</kind>
 <other xmlns:b="{B}">b:fibre</other>
 <inner xmlns="{B}">
  <flag/>
 </inner>
</top>
<next xmlns="{B}"/>
"""


def reply(data: str) -> str:
    return f'<rpc-reply message-id="1" xmlns="{xml.BASE}">{data}</rpc-reply>'


SAME = {
    "plain": f'<data><top xmlns="{A}"><name>x &amp; &lt;y&gt;</name><kind>copper</kind><other xmlns:b="{B}">b:fibre'
    f'</other><inner xmlns="{B}"><flag/></inner></top><next xmlns="{B}"/></data>',
    "with prefixes": f'<data xmlns:p="{A}" xmlns:q="{B}"><p:top><p:name>x &amp; &lt;y&gt;</p:name><p:kind xmlns:p='
    f'"{A}">p:copper</p:kind><p:other xmlns:b="{B}">b:fibre</p:other><q:inner><q:flag></q:flag></q:inner></p:top>'
    "<q:next/></data>",
    "spread": f'<data>\n <top\n  xmlns="{A}">\n  <name>x &amp; &lt;y&gt;</name>\n  <kind>copper</kind>\n'
    f'  <other\n xmlns:b="{B}">b:fibre</other>\n <inner xmlns="{B}">\n <flag> </flag>\n</inner>\n</top>\n'
    f'<next xmlns="{B}">\n</next>\n</data>',
}


@pytest.mark.parametrize("name", SAME)
def test_however_a_server_lays_it_out_the_form_is_one(name: str) -> None:
    assert xml.normal(reply(SAME[name])) == NORMAL


def test_the_form_is_its_own_form() -> None:
    assert xml.normal(reply(f"<data>{NORMAL}</data>")) == NORMAL


def test_an_order_and_a_value_make_a_difference() -> None:
    one, two = "<a>1</a>", "<a>2</a>"
    assert xml.normal(reply(f"<data>{one}{two}</data>")) != xml.normal(reply(f"<data>{two}{one}</data>"))
    assert xml.normal(reply("<data><a> 1</a></data>")) != xml.normal(reply("<data><a>1</a></data>"))


def test_what_is_no_configuration_is_refused() -> None:
    with pytest.raises(HoldfastError, match="has no <data>"):
        xml.normal(reply("<ok/>"))
    for text in ("<a>", "", "b'<a/>'"):
        with pytest.raises(HoldfastError, match="no XML"):
            xml.normal(text)


def test_what_is_too_much_is_named_and_a_list_at_the_top_is_not() -> None:
    now = f'<top xmlns="{A}"/><next xmlns="{B}"/><entry xmlns="{B}"><k>1</k></entry><entry xmlns="{B}"><k>2</k></entry>'
    content = xml.without_missing(f'<top xmlns="{A}"/>', now)
    assert content == (f'<top xmlns="{A}"/><next xmlns="{B}" xmlns:nc="{xml.BASE}" nc:operation="remove"/>')
    assert xml.differing(f'<top xmlns="{A}"><x/></top>', now) == [(A, "top"), (B, "next")]
    assert xml.differing(now, now) == []


def test_errors_are_read_with_their_tags() -> None:
    said = "<nc:rpc-error><nc:error-tag>in-use</nc:error-tag><nc:error-message xml:lang='en'>held</nc:error-message>"
    assert xml.errors(said) == ("in-use", "held")
    assert xml.errors("operation failed") == ()
