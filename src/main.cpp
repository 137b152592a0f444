// The one binary `cafka`: server and command-line tool.
#include "actors/node.hpp"
#include "cli/cli.hpp"

int main(int argc, char** argv) { return cafka::cli::run(argc, argv, cafka::actors::run_node); }
