"""Triton's model configuration: the parts of its model_config.proto that we write, for parsing.

Names, numbers and types are those of the published schema, so that a field that Triton does not
know, or of another type, is an error.
"""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

FIELD = descriptor_pb2.FieldDescriptorProto
TYPES = {
    "string": FIELD.TYPE_STRING, "int32": FIELD.TYPE_INT32, "int64": FIELD.TYPE_INT64,
    "bool": FIELD.TYPE_BOOL,
}  # fmt: skip
DATA_TYPES = (
    "TYPE_INVALID", "TYPE_BOOL", "TYPE_UINT8", "TYPE_UINT16", "TYPE_UINT32", "TYPE_UINT64",
    "TYPE_INT8", "TYPE_INT16", "TYPE_INT32", "TYPE_INT64", "TYPE_FP16", "TYPE_FP32", "TYPE_FP64",
    "TYPE_STRING", "TYPE_BF16",
)  # fmt: skip
MESSAGES: dict[str, list[tuple[str, int, str]]] = {
    "ModelParameter": [("string_value", 1, "string")],
    "ModelInput": [("name", 1, "string"), ("data_type", 2, "DataType"), ("dims", 4, "*int64"),
                   ("is_shape_tensor", 6, "bool")],
    "ModelOutput": [("name", 1, "string"), ("data_type", 2, "DataType"), ("dims", 3, "*int64"),
                    ("label_filename", 4, "string")],
    "ModelConfig": [("name", 1, "string"), ("platform", 2, "string"),
                    ("max_batch_size", 4, "int32"), ("input", 5, "*ModelInput"),
                    ("output", 6, "*ModelOutput"), ("default_model_filename", 8, "string"),
                    ("parameters", 14, "map"), ("backend", 17, "string")],
}  # fmt: skip


def parsed(text: str) -> Any:
    """The configuration in a config.pbtxt.

    Raises:
        ParseError: the text does not follow the schema.
    """
    file = descriptor_pb2.FileDescriptorProto(name="model_config", package="inference",
                                              syntax="proto3")  # fmt: skip
    kinds = file.enum_type.add(name="DataType")
    for number, name in enumerate(DATA_TYPES):
        kinds.value.add(name=name, number=number)
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for field in fields:
            _add(message, *field)
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    kind = message_factory.GetMessageClass(pool.FindMessageTypeByName("inference.ModelConfig"))
    return text_format.Parse(text, kind())


def _add(message: Any, name: str, number: int, kind: str) -> None:
    field = message.field.add(name=name, number=number)
    field.label = FIELD.LABEL_REPEATED if kind[0] in "*m" else FIELD.LABEL_OPTIONAL
    if kind == "map":
        entry = message.nested_type.add(name="ParametersEntry")
        entry.options.map_entry = True
        _add(entry, "key", 1, "string")
        _add(entry, "value", 2, "ModelParameter")
        field.type, field.type_name = FIELD.TYPE_MESSAGE, ".inference.ModelConfig.ParametersEntry"
    elif kind.lstrip("*") in TYPES:
        field.type = TYPES[kind.lstrip("*")]
    else:
        is_enum = kind == "DataType"
        field.type = FIELD.TYPE_ENUM if is_enum else FIELD.TYPE_MESSAGE
        field.type_name = f".inference.{kind.lstrip('*')}"
