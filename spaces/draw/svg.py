"""Pictures as SVG: self-contained, without ids or styles, so one page can hold several."""

from collections.abc import Iterable
from xml.sax.saxutils import escape

from .layout import Point
from .shapes import COLORS, DASHES, LINE, THICKNESS, Curve, Head, Picture, Rect, Shape, Text

__all__ = ["to_svg"]

FONTS = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"


def to_svg(picture: Picture) -> str:
    """Return a picture as SVG text, on a white background."""
    size = {"width": picture.width, "height": picture.height}
    inside = [
        _element("rect", **size, fill="#ffffff"),
        *(_drawn(shape) for shape in picture.shapes),
    ]
    return _element(
        "svg",
        "\n" + "\n".join(inside) + "\n",
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {_number(picture.width)} {_number(picture.height)}",
        **size,
        role="img",
        aria_label="Architecture",
        font_family=FONTS,
    )


def _drawn(shape: Shape) -> str:
    match shape:
        case Rect(x=x, y=y, width=width, height=height):
            fill, line = COLORS[shape.family]
            place = {"x": x, "y": y, "width": width, "height": height, "rx": shape.radius}
            return _element("rect", _tip(shape.tip), **place, fill=fill, stroke=line)
        case Text():
            return _element(
                "text",
                _tip(shape.tip) + escape(shape.text),
                x=shape.x,
                y=shape.y,
                font_size=shape.size,
                font_weight="bold" if shape.bold else "normal",
                fill=shape.color,
                text_anchor=shape.anchor,
            )
        case Curve():
            way = " ".join(kind + _points(points) for kind, points in shape.pieces)
            dashes = " ".join(map(_number, DASHES)) if shape.dashed else "none"
            return _element(
                "path",
                d=way,
                fill="none",
                stroke=LINE,
                stroke_width=THICKNESS,
                stroke_dasharray=dashes,
            )
        case Head():
            return _element("polygon", points=_points(shape.corners), fill=LINE)


def _element(tag: str, inside: str = "", /, **attributes: str | float) -> str:
    """Return an element; underscores in names become hyphens, and `inside` is valid XML."""
    text = "".join(
        f' {name.replace("_", "-")}="{_number(value) if isinstance(value, float | int) else value}"'
        for name, value in attributes.items()
    )
    return f"<{tag}{text}>{inside}</{tag}>" if inside else f"<{tag}{text}/>"


def _tip(text: str) -> str:
    """Return the tooltip of an element."""
    return f"<title>{escape(text)}</title>" if text else ""


def _points(points: Iterable[Point]) -> str:
    return " ".join(f"{_number(x)},{_number(y)}" for x, y in points)


def _number(value: float) -> str:
    return f"{round(value, 1):g}"
