"""CloudFormation's YAML tags and the intrinsic functions the template uses, resolved to plain values."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import yaml

REGION = "ap-south-1"
ACCOUNT = "000000000000"
ABSENT = object()
"""What `AWS::NoValue` resolves to: the key that held it disappears."""


class _Loader(yaml.SafeLoader):
    """Reads `!Ref x` as `{"Ref": "x"}`, `!Sub x` as `{"Fn::Sub": "x"}`."""


def _tag(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _tag)


def load(path: Path) -> dict[str, Any]:
    """A template, tags kept as the long form of its functions."""
    loaded: dict[str, Any] = yaml.load(path.read_text(), _Loader)
    return loaded


class Resolver:
    """Turns intrinsic functions into values; `attribute(id, name)` answers for resources (`Ref` asks for "Ref")."""

    def __init__(
        self, conditions: Mapping[str, Any], parameters: Mapping[str, str], attribute: Callable[[str, str], str]
    ) -> None:
        self._conditions = conditions
        self._attribute = attribute
        self._references = dict(parameters) | {
            "AWS::Region": REGION,
            "AWS::AccountId": ACCOUNT,
            "AWS::Partition": "aws",
            "AWS::StackName": "studyspot",
            "AWS::NoValue": ABSENT,
        }

    def __call__(self, node: Any) -> Any:
        if isinstance(node, list):
            return [value for item in node if (value := self(item)) is not ABSENT]
        if not isinstance(node, dict):
            return node
        if len(node) == 1:
            name, argument = next(iter(node.items()))
            if name == "Ref" or name.startswith("Fn::"):
                return self._intrinsic(name, argument)
        return {key: value for key, item in node.items() if (value := self(item)) is not ABSENT}

    def _intrinsic(self, name: str, argument: Any) -> Any:
        match name:
            case "Ref":
                return self._reference(argument)
            case "Fn::GetAtt":
                return self._attribute(argument[0], argument[1])
            case "Fn::Sub":
                return re.sub(r"\$\{([^}!]+)\}", lambda found: str(self._named(found[1])), argument)
            case "Fn::If":
                return self(argument[1] if self._holds(argument[0]) else argument[2])
            case "Fn::Join":
                return argument[0].join(self._texts(argument[1]))
            case "Fn::Equals":
                return self(argument[0]) == self(argument[1])
            case "Fn::Not":
                return not self(argument[0])
        raise ValueError(f"the local stage does not know {name}")

    def _texts(self, node: Any) -> list[str]:
        found = self(node)
        return found.split(",") if isinstance(found, str) else [str(item) for item in found]

    def _holds(self, condition: str) -> bool:
        return bool(self(self._conditions[condition]))

    def _named(self, name: str) -> Any:
        resource, _, attribute = name.partition(".")
        return self._attribute(resource, attribute) if attribute else self._reference(name)

    def _reference(self, name: str) -> Any:
        return self._references[name] if name in self._references else self._attribute(name, "Ref")
