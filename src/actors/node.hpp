// A whole node in one process: data directories, shards, actors, listeners, put together and taken apart in one fixed order.
// start: lock and check the directories, bind the listeners (until here nothing is touched), claim, recover, lead, register, listen.
// stop: listeners and sessions, partitions, metadata log, checkpoints and clean-stop marker, actors, shards.
#pragma once
#include "base/clock.hpp"
#include "base/config/node_config.hpp"
#include "net/listener.hpp"
#include "net/service.hpp"
#include "storage/file_system.hpp"

#include <functional>
#include <memory>
#include <vector>

namespace cafka::actors {

struct node_environment {
  storage::file_system* files = &storage::posix_file_system();
  clock* time = &system_clock();
  // Asked while the start waits for something long: true gives up. Called on the starting thread.
  std::function<bool()> give_up = [] { return false; };
  // The node cannot go on (its metadata log failed): it should be stopped. From any thread.
  std::function<void()> failed = [] {};
};

class node {
public:
  // Blocks until the node listens and every partition is served or known not to be. Where it fails it has cleaned up behind itself.
  static result<std::unique_ptr<node>> start(const node_config& config, node_environment environment = {});
  ~node(); // stops

  node(const node&) = delete;
  node& operator=(const node&) = delete;

  [[nodiscard]] net::service& door() noexcept;
  [[nodiscard]] const std::vector<net::bound_endpoint>& endpoints() const noexcept;

  // Orderly; true if everything is on disk and the next start need not recover. At most once has an effect. Not from a shard's thread.
  bool stop();

private:
  struct parts;
  explicit node(std::unique_ptr<parts> all);
  std::unique_ptr<parts> parts_;
};

// Needed once per process before the first node: registers the message types.
void register_message_types();

// Runs a node until SIGINT or SIGTERM; a second one ends the process at once. The process's exit code.
int run_node(const node_config& config);

} // namespace cafka::actors
