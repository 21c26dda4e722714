"""The page that explains releases shows the table the code uses, and no other."""

from pathlib import Path

from recsys.releases.rebase import REBASE, Needs

PAGE = Path(__file__).parents[3] / "docs" / "explanation" / "releases.md"
ORDER = (Needs.APART, Needs.GATE)


def test_the_table_on_the_page_is_the_table_in_the_code():
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("| mine"))
    columns = [name.strip() for name in lines[start].split("|")[2:-1]]
    shown: dict[str, list[str]] = {}
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        names, *cells = [cell.strip() for cell in line.split("|")[1:-1]]
        for name in names.strip("*").split(", "):
            shown[name] = cells
    assert set(shown) == set(REBASE) - {"create", "restore"}
    assert set(columns) == set(REBASE) - {"create", "restore"}
    for mine, cells in shown.items():
        for theirs, cell in zip(columns, cells, strict=True):
            needs = REBASE[mine][theirs]
            assert cell == (", ".join(need.value for need in ORDER if need in needs) or "goes on"), (mine, theirs)
