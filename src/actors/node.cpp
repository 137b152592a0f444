#include "actors/node.hpp"

#include "actors/broker.hpp"
#include "actors/data_directories.hpp"
#include "actors/flusher.hpp"
#include "actors/gateway.hpp"
#include "actors/metadata.hpp"
#include "actors/opener.hpp"
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
#include <unistd.h>

namespace cafka::actors {

namespace {

constexpr auto patience = std::chrono::milliseconds(100); // between two looks at whether to give up

// A completion whose value one thread waits for.
template <class T>
struct awaited {
  std::shared_ptr<std::promise<result<T>>> promise = std::make_shared<std::promise<result<T>>>();
  std::future<result<T>> value = promise->get_future();

  completion_reply<T> reply() {
    return net::completion<T>{[to = promise](result<T> outcome) { to->set_value(std::move(outcome)); }};
  }
};

caf::actor_system_config make_system_config() {
  caf::actor_system_config config;
  // One thread: nothing that runs on CAF's own scheduler is hot, and the blocking work is detached.
  config.set("caf.scheduler.policy", "sharing");
  config.set("caf.scheduler.max-threads", std::size_t{1});
  return config;
}

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
  result<void> refuse_what_we_cannot() const;
  void start_shards();
  std::unique_ptr<metadata_log> open_metadata_log(error& why);
  std::shared_ptr<broker_start> make_broker_start();
  metadata::broker_registration_request make_registration() const;
  template <class T>
  result<T> wait(awaited<T>& what);
  bool stop();
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
  snapshot<routing_table> routes{std::make_shared<routing_table>()};
  data_directories directories;

  caf::actor_system_config system_config = make_system_config();
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
  std::unique_ptr<gateway> door;
  std::unique_ptr<net::server> server;
  std::vector<net::bound_endpoint> bound;
  bool server_runs = false, stopped = false;
};

// -- start ------------------------------------------------------------------------------------------------------------

result<void> node::parts::refuse_what_we_cannot() const {
  if (!config->is_broker || !config->is_controller)
    return fail(errc::bad_argument, "process.roles: this version runs broker,controller in one process");
  for (const auto& voter : config->quorum_voters)
    if (voter.id != config->id)
      return fail(errc::bad_argument, "controller.quorum.voters: this version runs a quorum of this node alone, but node " +
                                          std::to_string(voter.id) + " is named");
  return {};
}

result<void> node::parts::start() {
  CAFKA_TRY(refuse_what_we_cannot());
  CAFKA_TRY_ASSIGN(opened, data_directories::open(pool, *config, random));
  directories = std::move(opened);
  system = std::make_unique<caf::actor_system>(system_config);
  start_shards();
  door = std::make_unique<gateway>(gateway::parts{config, directories.cluster_id, &image, &routes, {}, {}});
  std::vector<boost::asio::io_context*> loops;
  loops.reserve(shards.size());
  for (auto& each : shards)
    loops.push_back(&each->io());
  auto options = net::server_options::from(*config);
  options.time = environment.time;
  server = std::make_unique<net::server>(std::move(options), *door, loops);
  CAFKA_TRY_ASSIGN(endpoints, server->bind());
  bound = std::move(endpoints);

  CAFKA_TRY(directories.claim(*config, random));
  auto registration = make_registration(); // before the boot is remembered
  CAFKA_TRY(directories.remember_boot(*environment.files));
  error why;
  auto log = open_metadata_log(why);
  if (!log)
    return tl::unexpected<error>(std::move(why));
  const auto metadata_directory_id = directories.all[directories.metadata].files->identity()->directory_id;
  auto broker_with = make_broker_start(); // spawns flushers and openers
  broker_handle = spawn_on<broker>(*system, nullptr, broker_with);

  auto with = std::make_shared<metadata_start>();
  with->config = config;
  with->time = environment.time;
  with->log = std::move(log);
  with->directory_id = metadata_directory_id;
  with->random = prng{random.next()};
  with->flusher = by_directory[directories.metadata].flusher;
  with->broker = broker_handle;
  with->published = &image;
  with->marks = marks_of_metadata;
  with->registration = std::move(registration);
  with->failed = [failed = environment.failed](const std::string&) { failed(); };
  metadata_handle = spawn_on<metadata_keeper>(*system, nullptr, std::move(with));
  door->set_actors(metadata_handle, broker_handle);
  awaited<void> started;
  caf::anon_send(metadata_handle, metadata_request{start_metadata{started.reply()}});
  CAFKA_TRY(wait(started));
  CAFKA_TRY(server->start());
  server_runs = true;
  return {};
}

template <class T>
result<T> node::parts::wait(awaited<T>& what) {
  while (what.value.wait_for(patience) != std::future_status::ready)
    if (environment.give_up())
      return fail(errc::cancelled, "told to stop before the start was done");
  return what.value.get();
}

void node::parts::start_shards() {
  for (std::int32_t i = 0; i < std::max(config->shards, 1); ++i)
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
  if (const auto known = files.recovery_points().find(name); known != files.recovery_points().end())
    options.recovery_point = known->second;
  options.clean = files.clean_marker().has_value();
  options.now_ms = environment.time->wall_ms();
  options.report = [](std::string_view message) { CAFKA_LOG_INFO("{}", message); };
  auto log = metadata_log::open(pool, options);
  if (!log) {
    why = std::move(log.error());
    return nullptr;
  }
  marks_of_metadata->recovery_point = (*log)->log().flushed_end_offset();
  marks_of_metadata->log_start_offset = (*log)->log().log_start_offset();
  return std::move(*log);
}

std::shared_ptr<broker_start> node::parts::make_broker_start() {
  auto with = std::make_shared<broker_start>();
  with->config = config;
  with->time = environment.time;
  with->routes = &routes;
  with->board = &board;
  with->adopt = [this](const live_config& live) {
    server->limit_connections(static_cast<std::size_t>(live.max_connections), static_cast<std::size_t>(live.max_connections_per_ip));
  };
  with->random = prng{random.next()};
  for (auto& each : shards)
    with->shards.push_back(each.get());
  for (auto& data : directories.all) {
    auto& files = *data.files;
    broker_directory directory;
    directory.path = files.path();
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
    if (!data.holds_partitions)
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
  shards.clear();
  system.reset();
  return clean;
}

bool node::parts::close_logs() {
  if (!metadata_handle)
    return false;
  awaited<bool> broker_stopped;
  caf::anon_send(broker_handle, broker_order{stop_broker{broker_stopped.reply()}});
  const auto flushed = broker_stopped.value.get();
  awaited<std::int64_t> metadata_stopped;
  caf::anon_send(metadata_handle, metadata_request{stop_metadata{metadata_stopped.reply()}});
  const auto broker_epoch = metadata_stopped.value.get();
  if (!flushed || !*flushed || !broker_epoch || *broker_epoch < 0)
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
  end(metadata_handle);
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
