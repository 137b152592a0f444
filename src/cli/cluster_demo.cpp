// `cafka cluster demo`: several nodes on this machine from one command, each a process of its own, to try things out.
#include "cli/command.hpp"
#include "cli/interrupt.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

extern "C" {
#include <sys/pidfd.h> // glibc 2.36 does not say so itself
}

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace cafka::cli {

namespace {

namespace fs = std::filesystem;

struct options {
  int nodes = 3;
  int port = 9092;
  std::string data; // empty: a temporary directory
  std::vector<std::string> overrides;
};

constexpr int controller_port_distance = 10'000;
constexpr int start_timeout_ms = 60'000;

struct node {
  int id = 0;
  fs::path properties, log;
  pid_t pid = -1;
  int watched = -1; // a pidfd, readable once the process has ended
  std::string address;
  bool running = false;
};

// Once, at the end: all nodes have ended by then.
class directory {
public:
  explicit directory(const std::string& wanted) {
    if (!wanted.empty()) {
      fs::create_directories(wanted);
      path_ = fs::absolute(wanted);
      return;
    }
    auto made = (fs::temp_directory_path() / "cafka-demo-XXXXXX").string();
    if (::mkdtemp(made.data()) == nullptr)
      throw fs::filesystem_error("cannot make a temporary directory", made, std::error_code(errno, std::generic_category()));
    path_ = made;
    is_temporary_ = true;
  }
  ~directory() {
    std::error_code ignored;
    if (is_temporary_)
      fs::remove_all(path_, ignored);
  }
  directory(const directory&) = delete;
  directory& operator=(const directory&) = delete;
  [[nodiscard]] const fs::path& path() const noexcept { return path_; }
  [[nodiscard]] bool is_temporary() const noexcept { return is_temporary_; }

private:
  fs::path path_;
  bool is_temporary_ = false;
};

std::vector<node> describe_nodes(const options& given, const fs::path& under) {
  std::string voters;
  for (int id = 1; id <= given.nodes; ++id)
    voters += (id == 1 ? "" : ",") + std::to_string(id) + "@127.0.0.1:" + std::to_string(given.port + controller_port_distance + id - 1);
  std::vector<node> nodes;
  for (int id = 1; id <= given.nodes; ++id) {
    auto& one = nodes.emplace_back();
    one.id = id;
    one.address = "127.0.0.1:" + std::to_string(given.port + id - 1);
    const auto name = "node-" + std::to_string(id);
    one.properties = under / (name + ".properties");
    one.log = under / (name + ".log");
    std::ofstream out{one.properties};
    out << "# Written by `cafka cluster demo`.\n"
        << "node.id=" << id << "\nprocess.roles=broker,controller\n"
        << "listeners=PLAINTEXT://" << one.address << ",CONTROLLER://127.0.0.1:" << given.port + controller_port_distance + id - 1 << '\n'
        << "controller.listener.names=CONTROLLER\ncontroller.quorum.voters=" << voters << '\n'
        << "log.dirs=" << (under / name).string() << '\n'
        << "default.replication.factor=" << std::min(given.nodes, 3) << "\nmin.insync.replicas=" << (given.nodes < 3 ? 1 : 2) << '\n';
    for (const auto& each : given.overrides)
      out << each << '\n';
    if (!out.flush())
      throw fs::filesystem_error("cannot write", one.properties, std::error_code(errno, std::generic_category()));
  }
  return nodes;
}

// In a process group of its own: Ctrl-C reaches this command alone, which tells each node once. Should this command die, its nodes stop too.
bool launch(node& one, const std::string& program) {
  const auto parent = ::getpid();
  one.pid = ::fork();
  if (one.pid == 0) {
    ::setpgid(0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent)
      ::_exit(failure);
    sigset_t none;
    sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    ::signal(SIGINT, SIG_DFL);
    ::signal(SIGTERM, SIG_DFL);
    ::signal(SIGPIPE, SIG_DFL);
    const int log = ::open(one.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (log < 0 || nothing < 0 || ::dup2(nothing, 0) < 0 || ::dup2(log, 1) < 0 || ::dup2(log, 2) < 0)
      ::_exit(failure);
    ::execl(program.c_str(), "cafka", "start", one.properties.c_str(), static_cast<char*>(nullptr));
    ::_exit(failure);
  }
  if (one.pid < 0)
    return false;
  one.running = true;
  one.watched = ::pidfd_open(one.pid, 0);
  return one.watched >= 0;
}

// How it ended, for people; the process is gone afterwards.
std::string reap(node& one) {
  int status = 0;
  ::waitpid(one.pid, &status, 0);
  ::close(one.watched);
  one.running = false;
  if (WIFSIGNALED(status))
    return std::string{"was ended by signal "} + std::to_string(WTERMSIG(status)) + " (" + ::strsignal(WTERMSIG(status)) + ')';
  return "ended with code " + std::to_string(WEXITSTATUS(status));
}

std::string last_lines(const fs::path& log) {
  std::ifstream in{log};
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) {
    lines.push_back(line);
    if (lines.size() > 5)
      lines.erase(lines.begin());
  }
  std::string text;
  for (const auto& line : lines)
    text += "\n    " + line;
  return text;
}

// Waits for a signal to this command or the end of a node. False: a signal, or the time is over (−1: never).
bool wait_for_an_end(std::vector<node>& nodes, int timeout_ms, bool heed_signals) {
  std::vector<pollfd> watched;
  if (heed_signals)
    watched.push_back({interrupt_guard::descriptor(), POLLIN, 0});
  for (const auto& one : nodes)
    if (one.running)
      watched.push_back({one.watched, POLLIN, 0});
  if (watched.empty() || ::poll(watched.data(), watched.size(), timeout_ms) <= 0)
    return false;
  return !heed_signals || watched.front().revents == 0;
}

template <class Told>
void reap_ended(std::vector<node>& nodes, Told told) {
  for (auto& one : nodes) {
    pollfd ended{one.watched, POLLIN, 0};
    if (one.running && ::poll(&ended, 1, 0) > 0)
      told(one, reap(one));
  }
}

bool any_runs(const std::vector<node>& nodes) {
  return std::ranges::any_of(nodes, [](const node& one) { return one.running; });
}

void stop_all(std::vector<node>& nodes) {
  for (auto& one : nodes)
    if (one.running)
      ::kill(one.pid, SIGTERM);
  while (any_runs(nodes)) {
    (void)wait_for_an_end(nodes, -1, false);
    reap_ended(nodes, [](const node&, const std::string&) {});
  }
}

// Until all nodes take part; false: one has ended, a signal came, or it took too long, and that has been told.
bool await_all(std::vector<node>& nodes, interrupt_guard& guard, const std::string& addresses) {
  connect_options connect;
  connect.bootstrap_servers = addresses;
  connect.timeout_ms = 1'000;
  const auto where = guard.without_signals([&] { return client::cluster{connect.cluster("cafka-cluster-demo")}; });
  client::admin administrator{where};
  for (int waited_ms = 0; waited_ms < start_timeout_ms; waited_ms += 100) {
    std::string ended;
    reap_ended(nodes, [&](const node& one, const std::string& how) {
      ended += "node " + std::to_string(one.id) + ' ' + how + " before it was up; its last words:" + last_lines(one.log) + '\n';
    });
    if (!ended.empty()) {
      report(ended);
      return false;
    }
    if (const auto brokers = administrator.describe_brokers();
        brokers && std::ranges::count(*brokers, false, &client::broker_description::fenced) == static_cast<std::ptrdiff_t>(nodes.size()))
      return true;
    if (wait_for_an_end(nodes, 100, true))
      continue;
    if (interrupt_guard::requested())
      return false;
  }
  report("the nodes have not formed a cluster within " + std::to_string(start_timeout_ms / 1000) + " s; see " + nodes.front().log.string());
  return false;
}

void greet(const std::vector<node>& nodes, const directory& data, const std::string& addresses) {
  std::printf("%zu nodes are one cluster, with data and logs in %s%s:\n", nodes.size(), data.path().c_str(),
              data.is_temporary() ? ", which goes when they stop" : "");
  for (const auto& one : nodes)
    std::printf("  node %d   %s   pid %d\n", one.id, one.address.c_str(), static_cast<int>(one.pid));
  std::printf("\nIn another terminal:\n"
              "  export CAFKA_BOOTSTRAP_SERVER=%s\n"
              "  cafka topic create hello --partitions 3\n"
              "  cafka produce hello\n"
              "  cafka consume hello --from-beginning\n"
              "  cafka topic describe hello\n"
              "  kill -9 %d    # then describe again: another leads, and nothing acknowledged is lost\n"
              "  cafka cluster status\n"
              "Ctrl-C stops all.\n",
              addresses.c_str(), static_cast<int>(nodes.front().pid));
  std::fflush(stdout);
}

int demo(const options& given) {
  std::error_code unread;
  const auto program = fs::read_symlink("/proc/self/exe", unread).string();
  if (unread)
    return report("cannot find its own program: " + unread.message());
  const directory data{given.data};
  auto nodes = describe_nodes(given, data.path());
  interrupt_guard guard;
  std::string addresses;
  for (auto& one : nodes) {
    if (!launch(one, program)) {
      const int why = errno;
      stop_all(nodes);
      return report(std::string{"cannot start a node: "} + std::strerror(why));
    }
    addresses += (addresses.empty() ? "" : ",") + one.address;
  }
  const bool up = await_all(nodes, guard, addresses);
  if (up)
    greet(nodes, data, addresses);
  while (up && any_runs(nodes) && !interrupt_guard::requested()) {
    (void)wait_for_an_end(nodes, -1, true);
    reap_ended(nodes, [&](const node& one, const std::string& how) {
      std::printf("node %d %s; `cafka start %s` starts it again\n", one.id, how.c_str(), one.properties.c_str());
      std::fflush(stdout);
    });
  }
  const bool asked = interrupt_guard::requested();
  stop_all(nodes);
  return up || asked ? success : failure;
}

} // namespace

void add_cluster_demo(CLI::App& group, action& chosen) {
  auto given = std::make_shared<options>();
  auto* command = group.add_subcommand("demo", "Start several nodes on this machine as one cluster, to try things out");
  command->footer(
      "Each node is a process of its own, with a properties file and a log in the directory: what `cafka start` would run. They listen on\n"
      "127.0.0.1 only. A node that is killed leaves the others running, and how to start it again is told. Ctrl-C stops all in order.\n\n"
      "Examples:\n  cafka cluster demo\n  cafka cluster demo --nodes 5 --data ./demo --port 29092");
  command->add_option("--nodes", given->nodes, "1, 3 or 5; default 3")->check(CLI::IsMember({1, 3, 5}));
  command
      ->add_option("--port", given->port, "of the first node, the others have the next ones; nodes talk on ports 10000 above. Default 9092")
      ->check(CLI::Range(1, 55'000));
  command->add_option("--data", given->data, "directory for data and logs, kept; default: a temporary one")->type_name("DIR");
  command->add_option("--override", given->overrides, "key=value for every node; may be repeated")->take_all()->type_name("KEY=VALUE");
  command->callback([&chosen, given] { chosen = [given] { return demo(*given); }; });
}

} // namespace cafka::cli
