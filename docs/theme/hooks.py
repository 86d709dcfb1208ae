"""Hooks of the site: files outside docs/, pages of the reference, formulas without a script."""

from __future__ import annotations

import html
import posixpath
import re
from pathlib import Path

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
LINK = re.compile(r"(?<=\]\()(?!\w+:)[^)#\s]+")
FETCHED = re.compile(r'<(?:script|link|img|iframe|source)\b[^>]*\b(?:src|href)="https?:[^>]*>')
FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)
MODULE = re.compile(r"^## `([\w.]+)`\n\n(.+)\n\n((?:\|.*\n?)+)", re.MULTILINE)
NAME = re.compile(r"^\| `(\w+)` \|", re.MULTILINE)
ROW = re.compile(r"^\| `(\w+)` \| (.*) \|$", re.MULTILINE)
FOREIGN = ("SqueezeExcitation",)  # defined by other libraries, which the build does not read


def on_config(config: MkDocsConfig) -> None:
    """Fill the nav's empty list `Python` with a page for each module in docs/api.md."""
    pages = [{module: reference_page(module)} for module, _, _ in MODULE.findall(api())]
    for part in config.nav or ():
        for entry in part.get("Reference", ()):
            if isinstance(entry, dict) and "Python" in entry:
                entry["Python"] = pages


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages of the reference, the changelog, and whatever pages link to outside docs/."""
    for module, sentence, table in MODULE.findall(api()):
        text = reference(module, sentence, table)
        files.append(File.generated(config, reference_page(module), content=text))
    queue = [*files.documentation_pages(), *add(files, config, "CHANGELOG.md")]
    while queue:
        page = queue.pop()
        for link in LINK.findall(page.content_string):
            queue += add(files, config, target_of(page.src_uri, link))
    return files


def add(files: Files, config: MkDocsConfig, target: str) -> list[File]:
    """Add a file or folder of the repository that the site lacks; return it if it is a page."""
    path, there = ROOT / target, site_path(target)
    if there in files.src_uris or not path.exists():  # a missing one is an error of the build
        return []
    content = listing(path) if path.is_dir() else path.read_bytes()
    files.append(file := File.generated(config, there, content=content))
    return [file] if file.is_documentation_page() else []


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Lead links to where the site has their files, and names in docs/api.md to docstrings."""
    here = page.file.src_uri

    def there(link: re.Match[str]) -> str:
        target = target_of(here, link[0])
        if not (ROOT / target).exists():
            return link[0]
        return posixpath.relpath(site_path(target), posixpath.dirname(here) or ".")

    if here.startswith("reference/"):
        return markdown
    if here == "api.md":
        markdown = MODULE.sub(with_references, markdown)
    return LINK.sub(there, markdown)


def on_page_content(html: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Turn formulas to MathML, which browsers draw without a script."""
    return FORMULA.sub(as_mathml, html)


def on_post_page(output: str, *, page: Page, config: MkDocsConfig) -> None:
    """Refuse a page that would load something from elsewhere, or that shows LaTeX.

    Raises:
        PluginError: it does; the build fails.
    """
    for found in FETCHED.findall(output):
        raise PluginError(f"{page.file.src_uri} is not offline: {found}")
    if "arithmatex" in output:
        raise PluginError(f"{page.file.src_uri} has a formula that was not drawn")


def api() -> str:
    """The page that lists every public name."""
    return (ROOT / "docs" / "api.md").read_text(encoding="utf-8")


def reference_page(module: str) -> str:
    """Where the docstrings of a module are shown."""
    return f"reference/{module}.md"


def reference(module: str, sentence: str, table: str) -> str:
    """Markdown of a module's page: each public name with its docstring."""
    text = [f"# `{module}`", sentence.replace("](", "](../")]
    for name, summary in ROW.findall(table):
        path = f"{module}.{name}"
        text += [f"## `{name}` {{ #{path} }}", summary] if name in FOREIGN else [f"::: {path}"]
    return "\n\n".join(text) + "\n"


def with_references(section: re.Match[str]) -> str:
    """A section of docs/api.md whose names link to their docstrings."""
    return NAME.sub(lambda row: f"| [`{row[1]}`][{section[1]}.{row[1]}] |", section[0])


def target_of(page: str, link: str) -> str:
    """The path in the repository that a link of a page of the site means."""
    if page == "changelog.md":
        source = "CHANGELOG.md"
    elif page.startswith("repository/"):
        source = page.removeprefix("repository/")
    else:
        source = f"docs/{page}"
    return posixpath.normpath(posixpath.join(posixpath.dirname(source), link))


def site_path(target: str) -> str:
    """Where the site has a file or folder of the repository."""
    if target == "CHANGELOG.md":
        return "changelog.md"
    path = target.removeprefix("docs/") if target.startswith("docs/") else f"repository/{target}"
    return f"{path}/index.md" if (ROOT / target).is_dir() else path


def listing(folder: Path) -> str:
    """A page with a link to every file of a folder."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*")
                   if path.is_file())  # fmt: skip
    lines = [f"- [{name}]({name})" for name in names]
    return "\n".join([f"# {folder.relative_to(ROOT).as_posix()}", "", *lines, ""])


def as_mathml(formula: re.Match[str]) -> str:
    """A formula of pymdownx.arithmatex, drawn."""
    text = html.unescape(formula[2])
    if formula[1] == "span":
        return convert(text)
    return f'<div class="formula">{convert(text, display="block")}</div>'
