"""The documentation site: ``make docs`` builds it from the Markdown pages of this folder.

Sphinx and MyST, for both are maintained (Material for MkDocs is at its end of life, and so is the
MkDocs 1 under it) and check links and headings. Pages are plain Markdown without directives, so
that a Git host shows them too; only ``index.rst`` is the site's alone.
"""

project = "Vitrina"
html_title = "Vitrina"
extensions = ["myst_parser"]
root_doc = "index"
exclude_patterns = ["README.md", "tools"]  # index.rst includes README.md
nitpicky = True
smartquotes = False  # or --config would become –config

myst_heading_anchors = 4  # links such as page.md#heading, spelled as a Git host spells them

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["vitrina.css"]
html_show_sphinx = False
html_copy_source = False
