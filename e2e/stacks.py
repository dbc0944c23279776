"""The templates as CloudFormation reads them: parsed, and resolved for given parameters."""

import pathlib
import re
from typing import Any

import cfnlint.decode.cfn_yaml

import servers

TEMPLATES = servers.ROOT / "templates"
ACCOUNT, REGION, PARTITION = "000000000000", servers.REGION, "aws"

# What a test says of a resource that CloudFormation names itself.
PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Region": REGION,
    "AWS::Partition": PARTITION,
    "AWS::NoValue": None,
}

Template = dict[str, Any]


def parsed(path: pathlib.Path) -> Template:
    """A template with its short forms written out."""
    return plain(cfnlint.decode.cfn_yaml.load(str(path)))


def all_parsed() -> dict[str, Template]:
    """Every template by its name without `.yaml`."""
    return {path.stem: parsed(path) for path in sorted(TEMPLATES.glob("*.yaml"))}


def plain(node: Any) -> Any:
    """The linter's nodes without what they remember of their place in the file."""
    if isinstance(node, dict):
        return {str(key): plain(value) for key, value in node.items()}
    if isinstance(node, list):
        return [plain(value) for value in node]
    return str(node) if isinstance(node, str) else node


def of_type(template: Template, kind: str) -> dict[str, Any]:
    """The resources of a type."""
    return {name: it for name, it in template["Resources"].items() if it["Type"] == kind}


class Resolved:
    """One template with its parameters filled in. What only AWS could know is given as `<Resource.Attribute>`."""

    def __init__(self, template: Template, parameters: dict[str, Any]):
        self.template = template
        given = {name: it.get("Default") for name, it in template.get("Parameters", {}).items()}
        self.parameters = given | parameters

    def resource(self, name: str) -> Any:
        """The properties of a resource."""
        return self.value(self.template["Resources"][name]["Properties"])

    def value(self, node: Any) -> Any:
        """What a node comes to."""
        if isinstance(node, list):
            values = [self.value(it) for it in node]
            return [it for it in values if it is not None]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            [(function, argument)] = node.items()
            if function == "Ref":
                return self.reference(argument)
            if function.startswith("Fn::"):
                return self.function(function, argument)
        values = {key: self.value(value) for key, value in node.items()}
        return {key: value for key, value in values.items() if value is not None}

    def reference(self, name: str) -> Any:
        if name in PSEUDO:
            return PSEUDO[name]
        if name in self.parameters:
            return self.parameters[name]
        return self.named(name) or f"<{name}>"

    def function(self, function: str, argument: Any) -> Any:
        match function:
            case "Fn::GetAtt":
                name, attribute = argument if isinstance(argument, list) else argument.split(".", 1)
                return self.attribute(name, attribute)
            case "Fn::Sub":
                return re.sub(r"\$\{([^!}]+)\}", lambda found: str(self.substituted(found[1])), argument)
            case "Fn::Select":
                index, values = argument
                return self.value(values)[int(index)]
            case "Fn::Split":
                separator, text = argument
                return self.value(text).split(separator)
            case "Fn::If":
                condition, yes, no = argument
                return self.value(yes if self.condition(condition) else no)
        raise NotImplementedError(function)

    def substituted(self, name: str) -> Any:
        return self.attribute(*name.split(".", 1)) if "." in name else self.reference(name)

    def condition(self, name: str) -> bool:
        return self.holds(self.template["Conditions"][name])

    def holds(self, node: Any) -> bool:
        [(function, argument)] = node.items()
        match function:
            case "Fn::Equals":
                one, other = (self.value(it) for it in argument)
                return str(one) == str(other)
            case "Fn::Not":
                return not self.holds(argument[0])
            case "Fn::Or":
                return any(self.holds(it) for it in argument)
            case "Condition":
                return self.condition(argument)
        raise NotImplementedError(function)

    def named(self, name: str) -> str | None:
        """The name that the template itself gives a resource."""
        properties = self.template["Resources"][name].get("Properties", {})
        for key in ("FunctionName", "QueueName", "DeliveryStreamName", "LogGroupName", "BucketName", "TopicName", "Name"):
            if key in properties and self.template["Resources"][name]["Type"] in NAMED:
                return self.value(properties[key])
        return None

    def attribute(self, name: str, attribute: str) -> str:
        """An ARN made from the resource's own name, so that policies can be evaluated."""
        kind, own = self.template["Resources"][name]["Type"], self.named(name)
        if attribute == "Arn" and kind in ARNS:
            return ARNS[kind].format(name=own or f"<{name}>", at=f"{REGION}:{ACCOUNT}")
        return f"<{name}.{attribute}>"


class Deployed:
    """All stacks with the parameters of the root filled in, as nested stacks hand them on."""

    def __init__(self, templates: dict[str, Template], parameters: dict[str, Any]):
        self.templates = templates
        self.root = Resolved(templates["root"], parameters)
        self.nested = of_type(templates["root"], "AWS::CloudFormation::Stack")
        self.resolved: dict[str, Resolved] = {}

    def stack(self, name: str) -> Resolved:
        """The nested stack that the root calls `name`."""
        if name not in self.resolved:
            own = self.nested[name]["Properties"]
            given = {key: self.given(value) for key, value in own["Parameters"].items()}
            template = self.templates[own["TemplateURL"].removeprefix("./").removesuffix(".yaml")]
            self.resolved[name] = Resolved(template, given)
        return self.resolved[name]

    def given(self, node: Any) -> Any:
        if "Fn::GetAtt" in node:
            name, output = node["Fn::GetAtt"]
            stack = self.stack(name)
            return stack.value(stack.template["Outputs"][output.removeprefix("Outputs.")]["Value"])
        return self.root.value(node)

    def resources(self) -> dict[tuple[str, str], tuple[str, Any]]:
        """Type and properties of every resource that is made, by the names of its stack and its own."""
        made = {}
        for name in self.nested:
            stack = self.stack(name)
            for own, resource in stack.template["Resources"].items():
                if "Condition" not in resource or stack.condition(resource["Condition"]):
                    made[name, own] = (resource["Type"], stack.value(resource.get("Properties", {})))
        return made


ARNS = {
    "AWS::Lambda::Function": "arn:aws:lambda:{at}:function:{name}",
    "AWS::SQS::Queue": "arn:aws:sqs:{at}:{name}",
    "AWS::KinesisFirehose::DeliveryStream": "arn:aws:firehose:{at}:deliverystream/{name}",
    "AWS::Logs::LogGroup": "arn:aws:logs:{at}:log-group:{name}:*",
    "AWS::S3::Bucket": "arn:aws:s3:::{name}",
    "AWS::Events::Rule": "arn:aws:events:{at}:rule/{name}",
}
NAMED = {*ARNS, "AWS::SNS::Topic", "AWS::Athena::WorkGroup"}
