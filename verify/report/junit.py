"""Verdicts as JUnit's XML, which build servers summarise."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence

from verify.matrix.records import LeftOut, Result


def to_junit(result: Result, left_out: Sequence[LeftOut]) -> str:
    """One suite per runtime, one case per file and signal; left out means skipped."""
    root = ET.Element("testsuites", name="verify")
    for runtime in result.seconds:
        verdicts = [v for v in result.verdicts if v.runtime == runtime]
        suite = ET.SubElement(
            root,
            "testsuite",
            name=runtime,
            tests=str(len(verdicts)),
            failures=str(sum(v.status == "disagrees" for v in verdicts)),
            errors=str(sum(v.status not in ("agrees", "disagrees") for v in verdicts)),
            time=f"{result.seconds[runtime]:.3f}",
        )
        for verdict in verdicts:
            case = ET.SubElement(
                suite,
                "testcase",
                classname=f"{runtime}.{verdict.model}.{verdict.variant}",
                name=verdict.signal,
                time=f"{verdict.seconds:.3f}",
            )
            if verdict.status != "agrees":
                tag = "failure" if verdict.status == "disagrees" else "error"
                ET.SubElement(case, tag, message=_printable(verdict.message))
    for entry in left_out:
        suite = ET.SubElement(root, "testsuite", name=entry.name, tests="1", skipped="1")
        case = ET.SubElement(suite, "testcase", classname=entry.name, name="left out")
        ET.SubElement(case, "skipped", message=_printable(entry.reason))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _printable(text: str) -> str:
    """Replace control characters, which XML forbids."""
    return "".join(c for c in text if c.isprintable())
