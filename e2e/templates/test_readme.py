"""The README's table of parameters is the template's."""

import servers
import stacks


def test_parameters():
    root = stacks.parsed(stacks.TEMPLATES / "root.yaml")
    rows = ["| parameter | default | |", "|---|---|---|"]
    for group in root["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]:
        for name in group["Parameters"]:
            parameter = root["Parameters"][name]
            default = parameter["Default"] if parameter.get("Default", "") != "" else "–"
            rows.append(f"| `{name}` | {default} | {parameter['Description']} |")
    readme = (servers.ROOT / "README.md").read_text()
    table = readme.split("<!-- parameters -->\n")[1].split("<!-- /parameters -->")[0]
    assert table.strip().splitlines()[2:] == rows[2:], "\n".join(rows)
