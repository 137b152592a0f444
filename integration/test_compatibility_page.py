"""docs/kafka-compatibility.md tells what is so: the APIs are those that a node advertises, and every test that it names is there."""
import ast

import compatibility_page
from node import ROOT


def test_the_apis_are_those_of_a_node(node):
    table = compatibility_page.api_table(compatibility_page.advertised(node.port))
    assert compatibility_page.page_with(table) == compatibility_page.PAGE.read_text(), "run integration/compatibility_page.py"


def test_the_tests_that_it_names_exist():
    named = compatibility_page.tests_named_on_the_page()
    assert len(named) > 10
    for file, test in named:
        functions = {each.name for each in ast.parse((ROOT / "integration" / file).read_text()).body if isinstance(each, ast.FunctionDef)}
        assert test in functions, f"{file} has no {test}"
