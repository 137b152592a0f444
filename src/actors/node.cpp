#include "actors/node.hpp"

#include "actors/broker.hpp"
#include "actors/data_directories.hpp"
#include "actors/flusher.hpp"
#include "actors/former.hpp"
#include "actors/gateway.hpp"
#include "actors/link_doors.hpp"
#include "actors/metadata.hpp"
#include "actors/opener.hpp"
#include "actors/replica_desk.hpp"
#include "actors/snapshot_writer.hpp"
#include "base/config/links_config.hpp"
#include "base/log.hpp"
#include "net/server.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/init_global_meta_objects.hpp>
#include <caf/io/middleman.hpp>
#include <caf/scoped_actor.hpp>
#include <caf/send.hpp>

#include <chrono>
#include <future>
#include <mutex>
#include <unistd.h>

namespace cafka::actors {

namespace {

constexpr auto patience = std::chrono::milliseconds(100); // between two looks at whether to give up
constexpr auto long_start = std::chrono::milliseconds(3'000);

// A completion whose value one thread waits for.
template <class T>
struct awaited {
  std::shared_ptr<std::promise<result<T>>> promise = std::make_shared<std::promise<result<T>>>();
  std::future<result<T>> value = promise->get_future();

  completion_reply<T> reply() {
    return net::completion<T>{[to = promise](result<T> outcome) { to->set_value(std::move(outcome)); }};
  }
};

caf::actor_system_config& set_up(caf::actor_system_config& config, bool has_peers) {
  if (has_peers) {
    config.load<caf::io::middleman>();
    // A peer that is stopped, or behind a wire that was cut, ends its link without a word: this is how that is noticed.
    config.set("caf.middleman.heartbeat-interval", caf::timespan{std::chrono::milliseconds(500)});
    config.set("caf.middleman.connection-timeout", caf::timespan{std::chrono::seconds(3)});
    config.set("caf.middleman.enable-automatic-connections", false);
  }
  // One thread: nothing that runs on CAF's own scheduler is hot, and the blocking work is detached.
  config.set("caf.scheduler.policy", "sharing");
  config.set("caf.scheduler.max-threads", std::size_t{1});
  return config;
}

bool is_loopback(const std::string& host) { return host == "localhost" || host == "::1" || host.starts_with("127."); }

// What this node says of itself to others; asked by the loop of the links, changed by who starts the node.
class own_greeting {
public:
  explicit own_greeting(net::links::hello said) : said_(std::move(said)) {}
  [[nodiscard]] net::links::hello get() const {
    const std::lock_guard lock{mutex_};
    return said_;
  }
  void set_cluster(std::string id, std::int32_t recoveries) {
    const std::lock_guard lock{mutex_};
    said_.cluster_id = std::move(id);
    said_.recoveries = recoveries;
  }

private:
  mutable std::mutex mutex_;
  net::links::hello said_;
};

std::vector<metadata::endpoint> advertised(const node_config& config, const std::vector<net::bound_endpoint>& bound) {
  char own_name[256] = "localhost";
  ::gethostname(own_name, sizeof own_name - 1);
  std::vector<metadata::endpoint> endpoints;
  for (std::size_t i = 0; i < config.listeners.size(); ++i) {
    const auto& listener = config.listeners[i];
    metadata::endpoint endpoint{listener.name, listener.host.empty() ? own_name : listener.host, bound[i].port};
    for (const auto& other : config.advertised_listeners)
      if (other.name == listener.name) {
        endpoint.host = other.host;
        if (other.port != 0)
          endpoint.port = other.port;
      }
    endpoints.push_back(std::move(endpoint));
  }
  return endpoints;
}

} // namespace

struct node::parts {
  parts(const node_config& with, node_environment in)
      : config(std::make_shared<node_config>(with)),
        environment(std::move(in)),
        pool(*environment.files, static_cast<std::size_t>(std::max(with.open_files_max, 1))),
        load(max_parked_produces_per_node, with.max_parked_fetches) {}
  ~parts() { stop(); }

  result<void> start();
  result<void> check_node_listener();
  void start_shards();
  result<void> open_links();
  result<election::voter_set> join_cluster();
  std::unique_ptr<metadata_log> open_metadata_log(error& why);
  std::shared_ptr<broker_start> make_broker_start();
  metadata::broker_registration_request make_registration() const;
  template <class T>
  result<T> wait(awaited<T>& what, std::function<void()> late = nullptr);
  void meet(const metadata::image& known);
  [[nodiscard]] std::string voters_text() const;
  bool stop();
  void leave();
  bool close_logs();
  void end_actors();

  std::shared_ptr<const node_config> config;
  node_environment environment;
  prng random = prng::from_system();
  uuid incarnation_id = uuid::random(random);
  storage::file_pool pool;
  node_load load;
  maintenance_board board;
  snapshot<metadata::image> image{std::make_shared<metadata::image>()};
  snapshot<metadata::failover_view> failover{std::make_shared<metadata::failover_view>()};
  snapshot<routing_table> routes{std::make_shared<routing_table>()};
  data_directories directories;

  caf::actor_system_config system_config;
  std::unique_ptr<caf::actor_system> system;
  std::vector<std::unique_ptr<shard>> shards;
  struct directory_actors {
    flusher_actor flusher;
    std::vector<opener_actor> openers;
    std::shared_ptr<partition_environment> shared;
  };
  std::vector<directory_actors> by_directory;
  marks_ptr marks_of_metadata = std::make_shared<partition_marks>();
  broker_actor broker_handle;
  metadata_actor metadata_handle;
  snapshot_writer_actor snapshots_handle;
  std::shared_ptr<std::atomic<bool>> stopping = std::make_shared<std::atomic<bool>>(false);
  std::atomic<node_id> controller{no_node};
  link_pulse pulse;
  // Of a node that is not alone: how it meets the others.
  std::shared_ptr<own_greeting> greeting;
  std::unique_ptr<net::event_loop> links_loop;
  std::shared_ptr<link_doors> doors;
  links_actor links_handle;
  former_actor former_handle;
  replica_desk_actor desk_handle;
  awaited<election::cluster_identity> formed;
  std::unique_ptr<gateway> door;
  std::unique_ptr<net::server> server;
  std::vector<net::bound_endpoint> bound; // for clients
  links_config links; // of a node that meets others
  std::uint16_t node_port = 0;
  std::shared_ptr<const net::links::tls_identity> tls; // null: nodes meet without
  bool server_runs = false, stopped = false;
};

// -- start ------------------------------------------------------------------------------------------------------------

// Whoever reaches the port for nodes can act as one: so it is reached from here only, or asks for certificates, or somebody has said that he knows.
result<void> node::parts::check_node_listener() {
  if (!meets_others(*config))
    return {};
  links = links_config_of(*config);
  const auto& at = links.listener;
  if (links.tls) {
    net::links::tls_subject self{config->id, links.advertised.host};
    for (const auto& voter : config->quorum_voters)
      if (voter.id == config->id)
        self.host = voter.host;
    CAFKA_TRY_ASSIGN(checked, net::links::tls_identity::load(*links.tls, self, environment.time->wall_ms() / 1'000));
    tls = std::move(checked);
  } else if (!is_loopback(at.host) && !config->insecure) {
    return fail(errc::bad_argument,
                "listeners: " + at.name + " at " + (at.host.empty() ? "every address" : at.host) +
                    " lets whoever reaches it act as a node. Turn TLS on for it (listener.security.protocol.map=…," + at.name +
                    ":SSL with ssl.keystore.location and ssl.truststore.location), bind it to 127.0.0.1, or, in a private "
                    "network, say so by node.insecure=true");
  }
  return {};
}

result<void> node::parts::start() {
  CAFKA_TRY(check_node_listener());
  CAFKA_TRY_ASSIGN(opened, data_directories::open(pool, *config, random));
  directories = std::move(opened);
  system = std::make_unique<caf::actor_system>(set_up(system_config, meets_others(*config)));
  start_shards();
  door = std::make_unique<gateway>(gateway::parts{config, {}, &image, &routes, &controller, &failover, &pulse, environment.time, {}, {}});
  std::vector<boost::asio::io_context*> loops;
  loops.reserve(shards.size());
  for (auto& each : shards)
    loops.push_back(&each->io());
  if (config->is_broker) {
    auto options = net::server_options::from(*config);
    options.time = environment.time;
    server = std::make_unique<net::server>(std::move(options), *door, loops);
    CAFKA_TRY_ASSIGN(endpoints, server->bind());
    bound = std::move(endpoints);
  }

  auto with = std::make_shared<metadata_start>();
  with->config = config;
  with->time = environment.time;
  with->incarnation_id = incarnation_id;
  with->random = prng{random.next()};
  with->published = &image;
  with->failover = &failover;
  with->controller = &controller;
  if (meets_others(*config))
    with->brokers_changed = [this](const metadata::image& known) { meet(known); };
  with->marks = marks_of_metadata;
  with->load = config->is_alone() ? nullptr : &load;
  with->failed = [failed = environment.failed](const std::string&) { failed(); };
  metadata_handle = spawn_on<metadata_keeper>(*system, nullptr, std::move(with));
  CAFKA_TRY_ASSIGN(voters, join_cluster());

  CAFKA_TRY(directories.claim(*config, random));
  auto ground = std::make_shared<metadata_ground>();
  ground->registration = make_registration(); // before the boot is remembered
  CAFKA_TRY(directories.remember_boot(*environment.files));
  error why;
  ground->log = open_metadata_log(why);
  if (!ground->log)
    return tl::unexpected<error>(std::move(why));
  ground->self = {config->id, directories.metadata_directory_id()};
  ground->voters = voters.size() == 0 ? election::voter_set{{ground->self}} : std::move(voters);
  auto broker_with = make_broker_start(); // spawns flushers and openers
  if (config->is_broker)
    broker_handle = spawn_on<broker>(*system, nullptr, broker_with);
  ground->flusher = by_directory[directories.metadata].flusher;
  snapshots_handle = system->spawn<snapshot_writer, caf::detached>(environment.files, ground->log->log().directory(), stopping);
  ground->snapshots = snapshots_handle;
  ground->broker = broker_handle;
  door->set_actors(directories.cluster_id, metadata_handle, broker_handle);
  awaited<void> started;
  caf::anon_send(metadata_handle, metadata_request{start_metadata{std::move(ground), started.reply()}});
  CAFKA_TRY(wait(started, [this] {
    if (meets_others(*config))
      CAFKA_LOG_INFO("this node waits until one of the controllers leads ({}): a majority of them must be up", voters_text());
  }));
  if (server) {
    CAFKA_TRY(server->start());
    server_runs = true;
  }
  return {};
}

// Who votes, once this node is part of a cluster; nobody: this node alone.
result<election::voter_set> node::parts::join_cluster() {
  if (!meets_others(*config) && !directories.voters)
    return election::voter_set{};
  if (!meets_others(*config))
    return fail(errc::bad_argument, directories.all[directories.metadata].files->path() +
                                        " belongs to a cluster of several nodes: name them in "
                                        "controller.quorum.voters");
  CAFKA_TRY(directories.name_new_ones(*config, random));
  CAFKA_TRY(open_links());
  if (!directories.formed_before && config->is_controller)
    CAFKA_LOG_INFO("this node belongs to no cluster yet: one is formed when all of controller.quorum.voters are up");
  else if (!directories.formed_before)
    CAFKA_LOG_INFO("this broker belongs to no cluster yet: it waits for the controllers ({}) and joins theirs", voters_text());
  CAFKA_TRY_ASSIGN(identity, wait(formed));
  const auto votes = identity.voters.contains({config->id, directories.metadata_directory_id()});
  if (votes && !config->is_controller)
    return fail(errc::bad_argument, directories.all[directories.metadata].files->path() +
                                        " is that of a voter of the cluster: process.roles must have the 'controller' role here");
  if (!votes && config->is_controller)
    CAFKA_LOG_WARN("this node follows the controllers without a vote: its metadata directory is not the one that voted as node {}",
                   config->id);
  directories.cluster_id = identity.cluster_id;
  greeting->set_cluster(identity.cluster_id, identity.recoveries);
  return std::move(identity.voters);
}

result<void> node::parts::open_links() {
  const auto& files = *directories.all[directories.metadata].files;
  const election::replica_key self{config->id, directories.metadata_directory_id()};
  net::links::hello said;
  said.id = config->id;
  said.directory_id = self.directory_id;
  said.incarnation_id = incarnation_id;
  said.cluster_id = directories.cluster_id;
  said.recoveries = directories.recoveries;
  greeting = std::make_shared<own_greeting>(std::move(said));

  std::vector<node_id> configured;
  for (const auto& voter : config->quorum_voters)
    configured.push_back(voter.id);
  std::sort(configured.begin(), configured.end());
  // A metadata directory that is new, in a node whose others are not, is a lost disk. It reports none, and adopts what the others have, of its
  // own cluster only: by its new id it is no voter there.
  std::optional<election::cluster_identity> memory;
  if (directories.voters)
    memory = election::cluster_identity{directories.cluster_id, *directories.voters, directories.recoveries};
  else if (!directories.all[directories.metadata].was_new)
    memory = election::cluster_identity{directories.cluster_id, election::voter_set{{self}}, 0};
  auto form = std::make_shared<former_start>();
  form->self = {config->id, incarnation_id};
  form->core = std::make_unique<election::formation>(self, std::move(configured), std::move(memory), uuid::random(random).to_string(),
                                                     directories.cluster_id);
  form->keep = [this](const election::cluster_identity& identity) { return directories.keep_voters(*environment.files, identity); };
  form->formed = [to = formed.promise](result<election::cluster_identity> identity) { to->set_value(std::move(identity)); };
  former_handle = spawn_on<former>(*system, nullptr, std::move(form));

  desk_handle = spawn_on<replica_desk>(*system, nullptr, origin{config->id, incarnation_id}, &routes);

  net::links::link_rules rules;
  for (const auto& voter : config->quorum_voters)
    rules.voters.push_back(voter.id);
  rules.tls = tls;
  auto with = std::make_shared<links_start>();
  with->time = environment.time;
  with->id = config->id;
  with->incarnation_id = incarnation_id;
  with->rules = rules;
  with->pulse = &pulse;
  with->former = caf::actor_cast<caf::actor>(former_handle);
  with->metadata = caf::actor_cast<caf::actor>(metadata_handle);
  with->replicas = caf::actor_cast<caf::actor>(desk_handle);
  with->lost = [this](node_id to) { doors->lost(to); };
  with->tell = [former_at = former_handle, desk_at = desk_handle, metadata_at = metadata_handle](const link_event& event) {
    caf::anon_send(former_at, event);
    caf::anon_send(desk_at, event);
    caf::anon_send(metadata_at, metadata_request{event});
  };
  rules.linked = with->linked;
  rules.superseded = [told = std::make_shared<std::once_flag>(), said = greeting,
                      failed = environment.failed](const net::links::hello& by) {
    std::call_once(*told, [&] {
      CAFKA_LOG_ERROR("{}. This node stops: with its state it could only form a second cluster of the same name",
                      net::links::agree(said->get(), by, {}).error().detail);
      failed();
    });
  };
  links_handle = spawn_on<node_links>(*system, nullptr, std::move(with));
  links_loop = std::make_unique<net::event_loop>(shards.front()->io(), *environment.time);
  doors = std::make_shared<link_doors>(
      *links_loop, rules, [said = greeting] { return said->get(); }, links_handle);
  const auto& at = links.listener;
  CAFKA_TRY_ASSIGN(listening, doors->listen(at.host, at.port));
  node_port = listening.port;
  link_doors::targets to_dial, dial_us;
  for (const auto& voter : config->quorum_voters)
    if (voter.id != config->id)
      (net::links::dials(config->id, voter.id, rules.voters) ? to_dial : dial_us).push_back({voter.id, voter.host, voter.port});
  doors->start(std::move(to_dial), std::move(dial_us));
  CAFKA_LOG_INFO("node {} meets the others at {}:{}{}; data in {}", config->id, at.host.empty() ? "*" : at.host, node_port,
                 tls ? " by TLS" : "", files.path());
  return {};
}

std::string node::parts::voters_text() const {
  std::string text;
  for (const auto& each : config->quorum_voters)
    text.append(text.empty() ? "" : ", ").append(std::to_string(each.id) + " at " + each.host + ':' + std::to_string(each.port));
  return text;
}

// Brokers that are no voters: where the others find them stands in their registrations.
void node::parts::meet(const metadata::image& known) {
  std::vector<node_id> voters;
  for (const auto& voter : config->quorum_voters)
    voters.push_back(voter.id);
  link_doors::targets to_dial, dial_us;
  for (const auto& [id, broker] : known.brokers()) {
    if (id == config->id || is_voter(*config, id))
      continue;
    const auto at = std::ranges::find(broker.endpoints, links.listener.name, &metadata::endpoint::listener);
    if (at != broker.endpoints.end())
      (net::links::dials(config->id, id, voters) ? to_dial : dial_us).push_back({id, at->host, at->port});
  }
  doors->meet(std::move(to_dial), std::move(dial_us));
}

// `late`: called once if it takes longer than an election.
template <class T>
result<T> node::parts::wait(awaited<T>& what, std::function<void()> late) {
  auto waited = std::chrono::milliseconds(0);
  for (; what.value.wait_for(patience) != std::future_status::ready; waited += patience) {
    if (environment.give_up())
      return fail(errc::cancelled, "told to stop before the start was done");
    if (late && waited >= long_start)
      std::exchange(late, nullptr)();
  }
  return what.value.get();
}

void node::parts::start_shards() {
  const auto count = config->is_broker ? std::max(config->shards, 1) : 1; // a controller alone has no more to do than its links
  for (std::int32_t i = 0; i < count; ++i)
    shards.push_back(std::make_unique<shard>(*system, static_cast<std::size_t>(i)));
  for (auto& each : shards)
    each->start();
}

std::unique_ptr<metadata_log> node::parts::open_metadata_log(error& why) {
  const auto& files = *directories.all[directories.metadata].files;
  const topic_partition name{std::string{metadata::metadata_topic}, 0};
  metadata_log_options options;
  options.log_dir = files.path();
  options.config.segment_bytes = config->metadata_segment_bytes;
  options.config.segment_ms = config->metadata_segment_ms;
  options.config.retention_ms = -1; // only a snapshot lets its segments go
  options.config.max_message_bytes = INT32_MAX;
  const auto known = [&name](const storage::offset_map& offsets) {
    const auto found = offsets.find(name);
    return found == offsets.end() ? std::int64_t{0} : found->second;
  };
  options.recovery_point = known(files.recovery_points());
  options.log_start_offset = known(files.log_start_offsets());
  options.clean = files.clean_marker().has_value();
  options.now_ms = environment.time->wall_ms();
  options.report = [](std::string_view message) { CAFKA_LOG_INFO("{}", message); };
  auto log = metadata_log::open(pool, options);
  if (!log) {
    why = std::move(log.error());
    return nullptr;
  }
  marks_of_metadata->recovery_point = std::min(options.recovery_point, (*log)->log().log_end_offset());
  marks_of_metadata->high_watermark = known(files.high_watermarks());
  marks_of_metadata->log_start_offset = (*log)->log().log_start_offset();
  return std::move(*log);
}

std::shared_ptr<broker_start> node::parts::make_broker_start() {
  auto with = std::make_shared<broker_start>();
  with->config = config;
  with->time = environment.time;
  with->incarnation_id = incarnation_id;
  with->routes = &routes;
  with->board = &board;
  with->adopt = [this](const live_config& live) {
    server->limit_connections(static_cast<std::size_t>(live.max_connections), static_cast<std::size_t>(live.max_connections_per_ip));
  };
  with->random = prng{random.next()};
  with->metadata_directory = directories.all[directories.metadata].files->path();
  with->report_failed = [to = metadata_handle](metadata::failed_replicas_report report) {
    caf::anon_send(to, metadata_request{failed_replicas_request{std::move(report)}});
  };
  with->failed = environment.failed;
  for (auto& each : shards)
    with->shards.push_back(each.get());
  for (auto& data : directories.all) {
    auto& files = *data.files;
    broker_directory directory;
    directory.path = files.path();
    directory.id = files.identity()->directory_id;
    directory.clean = files.clean_marker().has_value();
    directory.written_by_kafka = data.written_by_kafka;
    for (const auto& found : files.partitions())
      directory.found.emplace(found.name, found.directory);
    directory.recovery_points = files.recovery_points();
    directory.log_start_offsets = files.log_start_offsets();
    directory.high_watermarks = files.high_watermarks();
    std::vector<std::string> deletions;
    for (const auto& found : files.deletions())
      deletions.push_back(found.directory);

    flusher::dependencies needs{environment.files, environment.time,
                                [this](directory_failed failure) { caf::anon_send(broker_handle, broker_order{std::move(failure)}); }};
    auto& actors = by_directory.emplace_back();
    actors.flusher = system->spawn<flusher, caf::detached>(std::move(data.files), std::move(needs));
    if (!deletions.empty())
      caf::anon_send(actors.flusher, directory_order{remove_files{std::move(deletions), config->topic_defaults.file_delete_delay_ms}});
    if (!data.holds_partitions || !config->is_broker)
      continue;
    for (std::int32_t i = 0; i < std::max(config->recovery_threads_per_log_dir, 1); ++i)
      actors.openers.push_back(system->spawn<caf::detached>(open_logs, &pool));
    auto shared = std::make_shared<partition_environment>();
    shared->node = config->id;
    shared->log_directory = directory.path;
    shared->flusher = actors.flusher;
    shared->time = environment.time;
    shared->board = &board;
    shared->load = &load;
    shared->checkpoint_interval_ms = config->recovery_point_checkpoint_interval_ms;
    shared->producer_check_interval_ms = config->producer_id_expiration_check_interval_ms;
    shared->retention_check_interval_ms = config->retention_check_interval_ms;
    shared->desk = desk_handle;
    shared->propose = [to = metadata_handle](isr_request request) { caf::anon_send(to, metadata_request{std::move(request)}); };
    shared->replica_lag_time_max_ms = config->replica_lag_time_max_ms;
    shared->replica_fetch_max_bytes = config->replica_fetch_max_bytes;
    shared->replica_fetch_response_max_bytes = config->replica_fetch_response_max_bytes;
    shared->replica_fetch_backoff_ms = config->replica_fetch_backoff_ms;
    shared->max_producers = static_cast<std::size_t>(config->max_producers_per_partition);
    shared->report = [this](directory_failed failure) { caf::anon_send(broker_handle, broker_order{std::move(failure)}); };
    actors.shared = shared;
    directory.environment = std::move(shared);
    directory.openers = actors.openers;
    with->directories.push_back(std::move(directory));
  }
  caf::anon_send(by_directory[directories.metadata].flusher,
                 directory_order{track_partition{{std::string{metadata::metadata_topic}, 0}, marks_of_metadata}});
  return with;
}

metadata::broker_registration_request node::parts::make_registration() const {
  metadata::broker_registration_request request;
  request.id = config->id;
  request.incarnation_id = incarnation_id;
  request.endpoints = advertised(*config, bound);
  if (!config->is_controller) { // a voter's stands in controller.quorum.voters
    constexpr std::int16_t plaintext = 0, ssl = 1;
    const auto& at = links.advertised;
    request.endpoints.push_back({at.name, at.host, at.port != 0 ? at.port : node_port, tls ? ssl : plaintext});
  }
  request.rack = config->rack;
  for (const auto& each : directories.all) {
    if (each.holds_partitions)
      request.directories.push_back(each.files->identity()->directory_id);
    request.directory_lost = request.directory_lost || (directories.formed_before && each.was_new);
  }
  request.previous_broker_epoch = directories.clean_broker_epoch();
  request.page_cache_survived = directories.same_boot(*environment.files);
  return request;
}

// -- stop -------------------------------------------------------------------------------------------------------------

bool node::parts::stop() {
  if (std::exchange(stopped, true))
    return false;
  if (server && server_runs)
    server->stop();
  leave();
  const auto clean = close_logs();
  end_actors();
  server.reset(); // its sessions are gone; sockets it bound close here
  door.reset();
  for (auto& each : shards)
    each->drain();
  for (auto& each : shards)
    each->join();
  image.publish(std::make_shared<metadata::image>());
  snapshot<metadata::image>::forget_on_this_thread();
  snapshot<routing_table>::forget_on_this_thread();
  snapshot<metadata::failover_view>::forget_on_this_thread();
  doors.reset();
  links_loop.reset();
  shards.clear();
  system.reset();
  return clean;
}

// So that partitions have other leaders before this one goes. No longer than its session: if no controller answers for so long, there is none, or it
// has fenced this broker and elected others.
void node::parts::leave() {
  if (!broker_handle || config->is_alone() || image.load()->brokers().size() < 2)
    return;
  const std::chrono::milliseconds longest_leave{config->broker_session_timeout_ms};
  awaited<void> left;
  caf::anon_send(metadata_handle, metadata_request{leave_cluster{left.reply()}});
  if (left.value.wait_for(longest_leave) != std::future_status::ready)
    CAFKA_LOG_WARN("no controller let this broker go within {} ms: it goes all the same", longest_leave.count());
}

bool node::parts::close_logs() {
  if (by_directory.empty())
    return false;
  result<bool> flushed = true;
  if (broker_handle) {
    awaited<bool> broker_stopped;
    caf::anon_send(broker_handle, broker_order{stop_broker{broker_stopped.reply()}});
    flushed = broker_stopped.value.get();
  }
  awaited<std::int64_t> metadata_stopped;
  caf::anon_send(metadata_handle, metadata_request{stop_metadata{metadata_stopped.reply()}});
  const auto broker_epoch = metadata_stopped.value.get();
  if (!flushed || !*flushed || !broker_epoch || (config->is_broker && *broker_epoch < 0))
    return false;
  auto clean = true;
  for (auto& each : by_directory) {
    awaited<void> written;
    caf::anon_send(each.flusher, directory_order{write_clean_marker{*broker_epoch, incarnation_id, written.reply()}});
    if (const auto outcome = written.value.get(); !outcome) {
      CAFKA_LOG_WARN("no clean-stop marker was written: {}", outcome.error().to_string());
      clean = false;
    }
  }
  return clean;
}

void node::parts::end_actors() {
  if (!system)
    return;
  caf::scoped_actor self{*system};
  const auto end = [&self](auto& handle) {
    if (!handle)
      return;
    self->send_exit(handle, caf::exit_reason::user_shutdown);
    self->wait_for(handle);
    handle = nullptr;
  };
  if (doors)
    doors->stop();
  end(links_handle);
  end(former_handle);
  end(desk_handle);
  end(metadata_handle);
  stopping->store(true, std::memory_order_relaxed);
  end(snapshots_handle);
  end(broker_handle);
  for (auto& each : by_directory) {
    for (auto& opener : each.openers)
      end(opener);
    end(each.flusher);
  }
  by_directory.clear();
}

// -- node -------------------------------------------------------------------------------------------------------------

node::node(std::unique_ptr<parts> all) : parts_(std::move(all)) {}
node::~node() = default;

result<std::unique_ptr<node>> node::start(const node_config& config, node_environment environment) {
  auto all = std::make_unique<parts>(config, std::move(environment));
  CAFKA_TRY(all->start());
  return std::unique_ptr<node>{new node{std::move(all)}};
}

net::service& node::door() noexcept { return *parts_->door; }
const std::vector<net::bound_endpoint>& node::endpoints() const noexcept { return parts_->bound; }
bool node::stop() { return parts_->stop(); }

void register_message_types() {
  caf::core::init_global_meta_objects();
  caf::io::middleman::init_global_meta_objects();
  caf::init_global_meta_objects<caf::id_block::cafka_wire>();
  caf::init_global_meta_objects<caf::id_block::cafka>();
}

} // namespace cafka::actors
