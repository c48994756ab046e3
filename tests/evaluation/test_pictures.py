from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from fairseq_xling.evaluation.pictures import alignment, curves, heat_map, points

SVG = "{http://www.w3.org/2000/svg}"


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_a_heat_map_has_a_cell_for_each_value_darker_where_higher() -> None:
    svg = heat_map("a <title> & more", ["fur", "x<y"], {("fur", "x<y"): 0.25, ("x<y", "fur"): 1.0})
    assert texts(svg) == ["a <title> & more", "fur", "fur", "x<y", "x<y", "25.0", "100.0"]
    cells = [r for r in ElementTree.fromstring(svg).iter(f"{SVG}rect") if r.get("fill", "").startswith("rgb")]
    assert [cell.get("fill") for cell in cells] == ["rgb(193,203,218)", "rgb(8,48,107)"]
    # Rows are sources: the first value stands in the first row and the second column.
    assert float(cells[0].attrib["y"]) < float(cells[1].attrib["y"])
    assert float(cells[0].attrib["x"]) > float(cells[1].attrib["x"])


def test_values_beyond_the_scale_and_an_empty_map_can_be_drawn() -> None:
    assert "rgb(255,255,255)" in heat_map("t", ["a", "b"], {("a", "b"): -0.5})
    assert texts(heat_map("t", [], {})) == ["t"]


def test_curves_go_through_their_points() -> None:
    svg = curves("t", "layer", {"a-b": [(4, 1.0), (0, 0.0)], "mean": [(2, 0.5)]})
    root = ElementTree.fromstring(svg)
    lines = [line.attrib["points"].split() for line in root.iter(f"{SVG}polyline")]
    assert lines == [["48.0,274.0", "468.0,34.0"], ["258.0,154.0"]]
    assert [name for name in texts(svg) if name in ("a-b", "mean")] == ["a-b", "mean"]
    assert {"0", "2", "4", "layer"} <= set(texts(svg))
    assert len(list(root.iter(f"{SVG}circle"))) == 3


def test_one_point_and_no_line_can_be_drawn() -> None:
    assert "48.0,274.0" in curves("t", "layer", {"a": [(3, 0.0)]})
    ElementTree.fromstring(curves("t", "layer", {}))


def test_points_keep_their_distances() -> None:
    root = ElementTree.fromstring(points("t", {"fur": [(0.0, 0.0), (2.0, 1.0)], "x<y": [(0.0, 1.0)]}))
    spots = [(float(c.attrib["cx"]), float(c.attrib["cy"]), c.get("fill")) for c in root.iter(f"{SVG}circle")]
    assert [spot[:2] for spot in spots] == [(16, 222), (376, 42), (16, 42)]  # up is up, one scale
    assert spots[0][2] == spots[1][2] != spots[2][2]
    assert texts(ElementTree.tostring(root, encoding="unicode")) == ["t", "fur", "x<y"]
    ElementTree.fromstring(points("t", {}))


def test_an_alignment_frames_what_is_aligned() -> None:
    svg = alignment("t", ["▁a", "<b"], ["c"], [[1.0], [-0.2]], [[True], [False]])
    root = ElementTree.fromstring(svg)
    cells = [r for r in root.iter(f"{SVG}rect") if r.get("fill", "").startswith("rgb")]
    frames = [r for r in root.iter(f"{SVG}rect") if r.get("fill") == "none"]
    assert [cell.get("fill") for cell in cells] == ["rgb(8,48,107)", "rgb(255,255,255)"]
    assert [frame.get("y") for frame in frames] == [cells[0].get("y")]
    assert texts(svg) == ["t", "▁a", "<b", "c"]
