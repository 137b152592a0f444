// The one binary `cafka`: server and command-line tool.
#include "actors/lost_quorum.hpp"
#include "actors/node.hpp"
#include "cli/cli.hpp"

int main(int argc, char** argv) {
  return cafka::cli::run(argc, argv,
                         {.start = cafka::actors::run_node, .recover_quorum = [](const cafka::node_config& config, bool recover) {
                            return cafka::actors::examine_lost_quorum(config, recover);
                          }});
}
