"""A page as a browser reads it, and what holds of every page."""

import re
from collections import Counter
from html.parser import HTMLParser


class Page(HTMLParser):
    """Counts of tags, every attribute, and the text of a page; fails on tags that do not nest."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text, self.open = Counter(), [], "", []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags[tag] += 1
        self.attributes += [(tag, name, value) for name, value in attributes]
        if tag not in ("meta", "path", "use"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags[tag] += 1
        self.attributes += [(tag, name, value) for name, value in attributes]

    def handle_endtag(self, tag):
        if tag not in ("path", "use"):
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += "" if self.open[-1:] == ["style"] else data


def assert_self_contained(html):
    """The page needs nothing but itself: no scripts, no addresses, and links only to places of its own."""
    parsed = Page(html)
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in html
    assert not {"script", "link", "iframe", "img", "object", "base"} & set(parsed.tags)
    assert not re.search(r"https?://|@import|url\((?!#)", html)
    links = [value for _, name, value in parsed.attributes if name in ("href", "xlink:href", "src")]
    ids = [value for _, name, value in parsed.attributes if name == "id"]
    assert links
    assert all(link.startswith("#") and link[1:] in ids for link in links)
    assert len(ids) == len(set(ids))


def section(html, name):
    """The section of a page with that id."""
    part = html[html.index(f'<section id="{name}">') :]
    return part[: part.index("</section>") + len("</section>")]
