from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from truelift.project.static_files import fingerprinted


CSS = Path(settings.STATICFILES_DIRS[0]) / "css"


def test_a_name_changes_with_the_content_and_only_with_it(tmp_path: Path) -> None:
    file = tmp_path / "a.css"
    file.write_text("one")
    first = fingerprinted("a.css", file)
    again = fingerprinted("a.css", file)
    file.write_text("two!")

    assert first == again
    assert re.fullmatch(r"a\.[0-9a-f]{12}\.css", first)
    assert fingerprinted("a.css", file) != first


@pytest.mark.database
@pytest.mark.django_db
def test_pages_name_files_by_their_content_and_these_are_kept_for_ever() -> None:
    client = Client()
    page = client.get("/accounts/login/").content.decode()
    addresses = re.findall(r'(?:href|src)="(/static/[^"]+)"', page)

    for address in addresses:
        response = client.get(address)
        assert response.status_code == 200, address
        if re.search(r"\.[0-9a-f]{12}\.", address):
            assert "immutable" in response["Cache-Control"]
        assert "Access-Control-Allow-Origin" not in response
    assert sum("/css/" in address for address in addresses) >= 6


def test_colours_are_written_in_the_tokens_and_nowhere_else() -> None:
    colour = re.compile(r"#[0-9a-fA-F]{3,8}\b|\brgba?\(|\bhsla?\(")
    found = {
        file.name: colour.findall(re.sub(r"url\(#\w+\)|--paper: #fff", "", file.read_text()))
        for file in CSS.glob("*.css")
        if file.name != "tokens.css"
    }

    assert {name: colours for name, colours in found.items() if colours} == {}


def test_templates_carry_no_style_and_no_script_of_their_own() -> None:
    source = Path(settings.STATICFILES_DIRS[0]).parents[1]
    wrong = []
    for template in source.rglob("templates/**/*.html"):
        text = template.read_text(encoding="utf-8")
        if re.search(r"\sstyle=|\son(click|load|change|submit)=|javascript:", text):
            wrong.append(template.name)
        wrong += [
            f"{template.name}: {script}"
            for script in re.findall(r"<script[^>]*>", text)
            if "nonce" not in script and "application/json" not in script
        ]

    assert wrong == []
