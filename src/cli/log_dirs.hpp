// The log directories of running nodes.
#pragma once
#include "cli/command.hpp"

namespace cafka::cli {

struct log_dirs_options {
  connect_options connect;
  std::vector<std::string> topics; // none: all
  bool json = false;
};

// Prints them; `failure` if one is offline or a node does not answer.
int log_dirs(const log_dirs_options& given);

} // namespace cafka::cli
