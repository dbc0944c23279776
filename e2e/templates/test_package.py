"""The predecessor's command, as its users know it, packages these templates too, from a checkout and from a release's
archive; and what it uploads fits together."""

import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import urllib.parse
import zipfile

import pytest

import archive
import servers
import stacks

COMMAND = (
    "aws cloudformation package --template templates/root.yaml --s3-bucket $S3_BUCKET --s3-prefix $S3_PREFIX"
    " --output-template template-export.yaml"
)


@pytest.fixture(scope="module")
def functions(tmp_path_factory):
    """What `cargo lambda build` leaves: a folder for each function, with a program in it that is only its name."""
    built = tmp_path_factory.mktemp("lambda")
    for function in archive.FUNCTIONS:
        (built / function).mkdir()
        (built / function / "bootstrap").write_text(function)
    return built


def checkout(folder: pathlib.Path, functions: pathlib.Path) -> pathlib.Path:
    """The templates, with packages where README's own build puts them."""
    shutil.copytree(stacks.TEMPLATES, folder / "templates")
    for function in archive.FUNCTIONS:
        package = folder / "target" / "lambda" / function / "bootstrap.zip"
        package.parent.mkdir(parents=True)
        with zipfile.ZipFile(package, "w") as own:
            own.write(functions / function / "bootstrap", "bootstrap")
    return folder


def unpacked(folder: pathlib.Path, functions: pathlib.Path) -> pathlib.Path:
    """A release's archive, after `tar xf` in an empty folder."""
    (folder / "it.tar.gz").write_bytes(archive.archive("it", archive.deployable("x86_64", functions)))
    subprocess.run(["tar", "xf", "it.tar.gz"], check=True, cwd=folder)
    return folder / "it"


@pytest.fixture(scope="module", params=[checkout, unpacked], ids=lambda it: it.__name__)
def packaged(request, tmp_path_factory, functions):
    """A folder with templates and packages, after the command; and the bucket that it uploaded to."""
    folder = request.param(tmp_path_factory.mktemp("folder"), functions)
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
        subprocess.run(COMMAND, shell=True, check=True, cwd=folder, env=os.environ | given | more)
        yield folder, s3


def read(s3, key: str) -> bytes:
    return s3.get_object(Bucket="packages", Key=key)["Body"].read()


def test_the_readme_gives_the_command():
    assert COMMAND in (servers.ROOT / "README.md").read_text()


def test_every_template_and_package_is_where_it_says(packaged, tmp_path):
    folder, s3 = packaged
    root = stacks.parsed(folder / "template-export.yaml")
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
            with zipfile.ZipFile(package) as own:
                code[name] = own.read("bootstrap").decode()
    assert code == {"Ingestion": "transform", "Partitioner": "partitioner", "Compactor": "compactor"}


def test_an_archive_is_the_same_bytes_each_time(functions):
    first, again = (archive.archive("it", archive.deployable("arm64", functions)) for _ in range(2))
    assert first == again


@pytest.mark.parametrize("architecture", ["arm64", "x86_64"])
def test_an_archive_is_deployed_to_its_architecture(architecture, functions, tmp_path):
    files = {path: content for path, content, _ in archive.deployable(architecture, functions)}
    root = tmp_path / "root.yaml"
    root.write_bytes(files["templates/root.yaml"])
    template, own = stacks.parsed(root), stacks.parsed(stacks.TEMPLATES / "root.yaml")
    assert template["Parameters"]["Architecture"].pop("Default") == architecture
    assert own["Parameters"]["Architecture"].pop("Default") == "arm64" and template == own


def test_a_package_is_a_program_alone(functions):
    files = {path: content for path, content, _ in archive.deployable("arm64", functions)}
    with zipfile.ZipFile(io.BytesIO(files["target/lambda/transform/bootstrap.zip"])) as own:
        [bootstrap] = own.infolist()
        assert bootstrap.filename == "bootstrap" and bootstrap.external_attr >> 16 == 0o755
        assert own.read(bootstrap) == b"transform"


def test_a_bill_of_materials_names_what_a_program_needs():
    metadata = archive.cargo_metadata("x86_64-unknown-linux-gnu")
    bill = json.loads(archive.bill_of_materials("it", "1", metadata, ("partitioner",)))
    names = {it["name"] for it in bill["components"]}
    # What it needs, what only another function needs, and what only its tests need.
    assert "aws-sdk-glue" in names and not names & {"parquet", "proptest", "partitioner"}


def test_every_template_is_used():
    nested = stacks.of_type(stacks.parsed(stacks.TEMPLATES / "root.yaml"), "AWS::CloudFormation::Stack").values()
    used = {it["Properties"]["TemplateURL"] for it in nested}
    there = {f"./{path.name}" for path in stacks.TEMPLATES.glob("*.yaml")}
    assert there - used == {"./root.yaml"}
