"""The documentation of the API as one HTML page, made from its OpenAPI description."""

import html
from collections.abc import Iterator, Mapping
from string import Template
from typing import Any

PAGE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title API</title>
<link rel="stylesheet" href="/page/style.css">
</head>
<body class="api">
<h1>$title API</h1>
<p>$description The description for programs is <a href="/openapi.json">openapi.json</a>;
the page for people is <a href="/">here</a>.</p>
$routes
</body>
</html>
""")

LIMITS = ("minimum", "maximum", "maxLength")


def api_page(description: Mapping[str, Any]) -> str:
    """The page; everything in it is escaped."""
    info = description["info"]
    return PAGE.substitute(
        title=html.escape(info["title"]),
        description=html.escape(info.get("description", "")),
        routes="\n".join(_routes(description)),
    )


def _routes(description: Mapping[str, Any]) -> Iterator[str]:
    for path, methods in description["paths"].items():
        for method, route in methods.items():
            rows = "".join(_parameter(one) for one in route.get("parameters", ()))
            table = f"<table><tbody>{rows}</tbody></table>" if rows else ""
            name = html.escape(f"{method.upper()} {path}")
            text = html.escape(route.get("description", ""))
            yield f"<section><h2><code>{name}</code></h2><p>{text}</p>{table}</section>"


def _parameter(parameter: Mapping[str, Any]) -> str:
    schema = parameter.get("schema", {})
    limits = [f"{name} {schema[name]}" for name in LIMITS if name in schema]
    limits += [f"default {schema['default']}"] if schema.get("default") not in (None, []) else []
    limits += ["one of " + ", ".join(map(str, schema["enum"]))] if "enum" in schema else []
    limits += ["required"] if parameter.get("required") else []
    cells = (parameter["name"], parameter.get("description", ""), ", ".join(limits))
    return "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in cells) + "</tr>"
