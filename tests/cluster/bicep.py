# SPDX-License-Identifier: Apache-2.0
"""What a Bicep file comes to, from the tree that a grammar makes of it: no compiler of Microsoft's is needed. It knows what
blindbox renders and refuses the rest, so that nothing is passed over."""

import base64
import pathlib
import re

ESCAPES = {"\\'": "'", "\\\\": "\\", "\\$": "$", "\\n": "\n", "\\r": "\r", "\\t": "\t"}


class Unknown(Exception):
    pass


class Bicep:
    def __init__(self, path, parser, **given):
        """given: values for parameters, and for what the service answers (resourceGroup, group)."""
        self._folder = pathlib.Path(path).parent
        tree = parser.parse(pathlib.Path(path).read_bytes())
        if tree.root_node.has_error:
            raise Unknown("the grammar does not take the file")
        self._known = dict(given)
        self.parameters, self.resources, self.outputs = {}, {}, {}
        description = None
        for node in tree.root_node.named_children:
            if node.type == "decorators":
                description = self._description(node)
                continue
            self._declare(node, description)
            description = None

    def _description(self, node):
        (decorator,) = node.named_children
        (call,) = decorator.named_children
        if self._text(call.named_children[0]) != "description":
            raise Unknown(self._text(node))
        return self._value(call.named_children[1].named_children[0])

    @staticmethod
    def _text(node):
        return node.text.decode()

    def _declare(self, node, description):
        parts = node.named_children
        name = self._text(parts[0])
        if node.type == "parameter_declaration":
            one = {"type": self._text(parts[1])}
            if description is not None:
                one["metadata"] = {"description": description}
            if len(parts) > 2:
                self._known.setdefault(name, one.setdefault("defaultValue", self._value(parts[2])))
            self.parameters[name] = one
        elif node.type == "resource_declaration":
            self.resources[name] = (self._value(parts[1]), self._value(parts[2]))
        elif node.type == "output_declaration":
            self.outputs[name] = {"type": self._text(parts[1]), "value": self._value(parts[2])}
        else:
            raise Unknown(f"{node.type}: {self._text(node)}")

    def _value(self, node):
        read = getattr(self, "_" + node.type, None)
        if read is None:
            raise Unknown(f"{node.type}: {self._text(node)}")
        return read(node)

    def _number(self, node):
        return int(self._text(node))

    def _boolean(self, node):
        return {"true": True, "false": False}[self._text(node)]

    def _identifier(self, node):
        if self._text(node) not in self._known:
            raise Unknown(f"nothing is named {self._text(node)}")
        return self._known[self._text(node)]

    def _string(self, node):
        """Between interpolations everything is text; the grammar does not name all of its escapes."""
        raw, at, out = node.text, 1, ""
        for piece in node.named_children:
            if piece.type == "interpolation":
                out += self._plain(raw[at:piece.start_byte - node.start_byte])
                out += str(self._value(piece.named_children[0]))
                at = piece.end_byte - node.start_byte
            elif piece.type not in ("escape_sequence", "string_content"):
                raise Unknown(f"{piece.type}: {self._text(piece)}")
        return out + self._plain(raw[at:-1])

    @staticmethod
    def _plain(raw):
        def escape(found):
            if found[0] not in ESCAPES:
                raise Unknown(f"an escape: {found[0]}")
            return ESCAPES[found[0]]
        return re.sub(r"\\.", escape, raw.decode())

    def _array(self, node):
        return [self._value(item) for item in node.named_children]

    def _object(self, node):
        out = {}
        for one in node.named_children:
            key, value = one.named_children
            name = self._text(key) if key.type == "identifier" else self._value(key)
            if one.type != "object_property" or name in out:
                raise Unknown(self._text(one))
            out[name] = self._value(value)
        return out

    def _member_expression(self, node):
        holder, name = node.named_children
        return self._value(holder)[self._text(name)]

    def _call_expression(self, node):
        name, arguments = self._text(node.named_children[0]), [self._value(one) for one in node.named_children[1].named_children]
        if name == "loadFileAsBase64" and len(arguments) == 1:
            return base64.b64encode((self._folder / arguments[0]).read_bytes()).decode()
        if name == "resourceGroup" and not arguments:
            return self._known["resourceGroup"]
        raise Unknown(self._text(node))
