// The command line of `cafka`: parses arguments, runs a subcommand, gives the process's exit code.
// The server itself lives in a folder that this one may not use: main.cpp hands it in as functions.
#pragma once
#include "base/config/node_config.hpp"
#include "metadata/quorum_remains.hpp"

#include <functional>

namespace cafka::cli {

// What the exit codes mean; docs/cli.md has the same table.
enum exit_code : int {
  success = 0,
  failure = 1,          // the cluster or a file said no, or nobody answered
  usage = 2,            // the command line or the configuration is wrong; nothing was done
  not_written = 3,      // produce: some records are certainly not in the log
  unknown_outcome = 4,  // produce: some records may or may not be in the log
  interrupted = 130,    // Ctrl-C
  broken_pipe = 141,    // whoever read our output has gone
};

// Runs a node until it is told to stop; the exit code. Logging is set up.
using start_function = std::function<int(const node_config& config)>;

// What a stopped node has of a quorum whose majority is lost; with `recover` it goes on alone from there.
using recover_function = std::function<result<metadata::quorum_remains>(const node_config& config, bool recover)>;

struct server_functions {
  start_function start;
  recover_function recover_quorum;
};

// Everything that `main` does. Never throws.
int run(int argc, char** argv, const server_functions& server);

} // namespace cafka::cli
