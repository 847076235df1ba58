"""Pictures as SVG: self-contained, without ids or styles, so that several may share a page."""

from xml.sax.saxutils import escape, quoteattr

from ._shapes import COLORS, LINE, Curve, Head, Picture, Rect, Shape, Text

__all__ = ["svg"]

FONTS = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"


def svg(picture: Picture, label: str = "Architecture") -> str:
    """Write a picture as SVG text.

    Args:
        picture: What to draw.
        label: What a screen reader says.
    """
    width, height = _number(picture.width), _number(picture.height)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" aria-label={quoteattr(label)} '
        f'font-family="{FONTS}">'
    )
    ground = f'<rect width="{width}" height="{height}" fill="#ffffff"/>'
    return "\n".join([head, ground, *map(_element, picture.shapes), "</svg>\n"])


def _element(shape: Shape) -> str:
    match shape:
        case Rect():
            fill, stroke = COLORS[shape.family]
            return _tipped(
                f'<rect x="{_number(shape.x)}" y="{_number(shape.y)}" '
                f'width="{_number(shape.width)}" height="{_number(shape.height)}" '
                f'rx="{_number(shape.radius)}" fill="{fill}" stroke="{stroke}"',
                "rect",
                shape.tip,
            )
        case Text():
            weight = ' font-weight="bold"' if shape.bold else ""
            return _tipped(
                f'<text x="{_number(shape.x)}" y="{_number(shape.y)}" '
                f'font-size="{_number(shape.size)}" fill="{shape.color}" '
                f'text-anchor="{shape.anchor}"{weight}',
                "text",
                shape.tip,
                escape(shape.text),
            )
        case Curve():
            path = " ".join(
                kind + " ".join(f"{_number(x)},{_number(y)}" for x, y in points)
                for kind, points in shape.pieces
            )
            dash = ' stroke-dasharray="4 3"' if shape.dashed else ""
            return f'<path d="{path}" fill="none" stroke="{LINE}" stroke-width="1.2"{dash}/>'
        case Head():
            x, y = shape.x, shape.y
            corners = f"{_number(x)},{_number(y)} {_number(x - 3.5)},{_number(y - 7)}"
            return f'<polygon points="{corners} {_number(x + 3.5)},{_number(y - 7)}" fill="{LINE}"/>'


def _tipped(start: str, tag: str, tip: str, inside: str = "") -> str:
    """Close an element, with what a reader sees who points at it."""
    inside = f"<title>{escape(tip)}</title>{inside}" if tip else inside
    return f"{start}>{inside}</{tag}>" if inside else f"{start}/>"


def _number(value: float) -> str:
    return f"{value:.1f}".rstrip("0").rstrip(".")
