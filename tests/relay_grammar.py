"""The grammar that TVM 0.7 to 0.19 accept, no more: a check on what our printer writes that owes nothing to our reader."""

from __future__ import annotations

from lark import Lark

_GRAMMAR = r"""
start: "#[" "version" "=" STRING "]" definition*
definition: "def" GLOBAL function
function: generic? "(" [attributes] ")" result? block
        | generic? "(" variable ("," variable)* ["," attributes] ")" result? block
generic: "[" NAME ("," NAME)* "]"
result: "->" type
variable: LOCAL [":" type]
block: "{" expression "}"
?expression: binding | "{" expression "}" | operation
binding: "let" variable "=" operation ";" expression
       | GRAPH "=" operation ";" expression
?operation: atom calls
calls: arguments*
arguments: "(" ")" | "(" expression ("," expression)* ["," attributes] ")" | "(" attributes ")"
atom: primary ["." INTEGER]
primary: INTEGER | FLOAT | LOCAL | GLOBAL | GRAPH | META | operator | "fn" function | branch
       | "(" ")" | "(" expression ")" | "(" expression "," [expression ("," expression)*] ")"
operator: NAME ("." NAME)*
branch: "if" "(" expression ")" block "else" block
attributes: attribute ("," attribute)*
attribute: NAME ("." NAME)* "=" value
value: FLOAT | INTEGER | STRING | META | NAME | "[" [value ("," value)*] "]"
type: "Tensor" "[" "(" [extent ("," extent)*] ")" "," NAME "]" | NAME | "_"
    | "(" [type ("," type)* [","]] ")" | "fn" "(" [type ("," type)*] ")" "->" type
extent: INTEGER | "?"
LOCAL: /%(?!inff)(?!(let|fn|def|if|else|type|match|extern|free_var|ref|ref_read|ref_write)\b(?!\/))[A-Za-z_\/][A-Za-z0-9_\/]*/
GLOBAL: /@(?!inff)(?!(let|fn|def|if|else|type|match|extern|free_var|ref|ref_read|ref_write)\b(?!\/))[A-Za-z_\/][A-Za-z0-9_\/]*/
GRAPH: /%[0-9]+/
META.3: /meta\[[^\]]*\]\[[0-9]+\]/
FLOAT.2: /-*(inff|[0-9][0-9.eE+\-]*f(16|32|64)?)/
INTEGER: /-*[0-9]+(i(8|16|32|64))?/
STRING: /"[^"\\\n]*"/
NAME: /[A-Za-z_\/][A-Za-z0-9_\/]*/
COMMENT: /\/\*.*?\*\//
%import common.WS
%ignore WS
%ignore COMMENT
"""

_PARSER = Lark(_GRAMMAR, parser="lalr")


def check(text: str) -> None:
    """Raises an exception of lark's unless TVM's reader would accept `text`, as far as its form goes."""
    _PARSER.parse(text.partition("#[metadata]")[0])
