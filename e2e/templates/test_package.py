"""The predecessor's command, as its users know it, packages these templates too; and what it uploads fits together."""

import os
import pathlib
import shutil
import subprocess
import sys
import urllib.parse
import zipfile

import pytest

import servers
import stacks

COMMAND = (
    "aws cloudformation package --template templates/root.yaml --s3-bucket $S3_BUCKET --s3-prefix $S3_PREFIX"
    " --output-template template-export.yaml"
)
FUNCTIONS = ("transform", "partitioner", "compactor")


@pytest.fixture(scope="module")
def packaged(tmp_path_factory):
    """A checkout with packages in it, after the command; and the bucket that it uploaded to."""
    checkout = tmp_path_factory.mktemp("checkout")
    shutil.copytree(stacks.TEMPLATES, checkout / "templates")
    for function in FUNCTIONS:
        package = checkout / "target" / "lambda" / function / "bootstrap.zip"
        package.parent.mkdir(parents=True)
        with zipfile.ZipFile(package, "w") as archive:
            archive.writestr("bootstrap", function)
    with servers.local_aws(tmp_path_factory.mktemp("aws")) as endpoint:
        given = {
            "AWS_ACCESS_KEY_ID": servers.ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": servers.SECRET_KEY,
            "AWS_REGION": servers.REGION,
        }
        s3 = servers.client("s3", endpoint)
        s3.create_bucket(Bucket="packages")
        path = f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"
        more = {"AWS_ENDPOINT_URL": endpoint, "S3_BUCKET": "packages", "S3_PREFIX": "auth0", "PATH": path}
        subprocess.run(COMMAND, shell=True, check=True, cwd=checkout, env=os.environ | given | more)
        yield checkout, s3


def read(s3, key: str) -> bytes:
    return s3.get_object(Bucket="packages", Key=key)["Body"].read()


def test_the_readme_gives_the_command():
    assert COMMAND in (servers.ROOT / "README.md").read_text()


def test_every_template_and_package_is_where_it_says(packaged, tmp_path):
    checkout, s3 = packaged
    root = stacks.parsed(checkout / "template-export.yaml")
    code = {}
    for name, nested in stacks.of_type(root, "AWS::CloudFormation::Stack").items():
        # On AWS the host is S3's; here it is the embedded one.
        key = urllib.parse.urlparse(nested["Properties"]["TemplateURL"]).path.removeprefix("/packages/")
        template = tmp_path / f"{name}.yaml"
        template.write_bytes(read(s3, key))
        for function in stacks.of_type(stacks.parsed(template), "AWS::Lambda::Function").values():
            place = function["Properties"]["Code"]
            assert place["S3Bucket"] == "packages"
            package = tmp_path / "package.zip"
            package.write_bytes(read(s3, place["S3Key"]))
            with zipfile.ZipFile(package) as archive:
                code[name] = archive.read("bootstrap").decode()
    assert code == {"Ingestion": "transform", "Partitioner": "partitioner", "Compactor": "compactor"}


def test_every_template_is_used():
    nested = stacks.of_type(stacks.parsed(stacks.TEMPLATES / "root.yaml"), "AWS::CloudFormation::Stack").values()
    used = {it["Properties"]["TemplateURL"] for it in nested}
    there = {f"./{path.name}" for path in stacks.TEMPLATES.glob("*.yaml")}
    assert there - used == {"./root.yaml"}
