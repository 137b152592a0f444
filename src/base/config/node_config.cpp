#include "base/config/node_config.hpp"

#include "base/config/listener.hpp"
#include "base/config/properties.hpp"
#include "base/config/spec.hpp"
#include "base/config/value_text.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <sched.h>
#include <sstream>
#include <sys/resource.h>
#include <sys/stat.h>
#include <thread>

namespace cafka {

namespace {

constexpr std::int64_t default_queued_bytes = 256LL << 20;

// Calls visit(key, member) for the keys whose text is just their member's, until it returns true.
template <class Visit>
bool visit_members(node_config& c, Visit visit) {
  return visit("broker.rack", c.rack) || visit("cluster.id", c.cluster_id) ||
         visit("controller.listener.names", c.controller_listener_names) || visit("metadata.log.dir", c.metadata_log_dir) ||
         visit("metadata.log.segment.bytes", c.metadata_segment_bytes) || visit("metadata.log.segment.ms", c.metadata_segment_ms) ||
         visit("metadata.log.max.record.bytes.between.snapshots", c.metadata_snapshot_bytes) ||
         visit("metadata.log.max.snapshot.interval.ms", c.metadata_snapshot_interval_ms) ||
         visit("metadata.max.retention.bytes", c.metadata_retention_bytes) || visit("metadata.max.retention.ms", c.metadata_retention_ms) ||
         visit("num.partitions", c.num_partitions) || visit("default.replication.factor", c.default_replication_factor) ||
         visit("auto.create.topics.enable", c.auto_create_topics) || visit("delete.topic.enable", c.delete_topics) ||
         visit("socket.request.max.bytes", c.socket_request_max_bytes) || visit("queued.max.request.bytes", c.queued_max_request_bytes) ||
         visit("connection.inflight.max.bytes", c.connection_inflight_max_bytes) ||
         visit("connection.inflight.max.requests", c.connection_inflight_max_requests) || visit("max.connections", c.max_connections) ||
         visit("max.connections.per.ip", c.max_connections_per_ip) || visit("connections.max.idle.ms", c.connections_max_idle_ms) ||
         visit("request.receive.timeout.ms", c.request_receive_timeout_ms) ||
         visit("socket.send.buffer.bytes", c.socket_send_buffer_bytes) ||
         visit("socket.receive.buffer.bytes", c.socket_receive_buffer_bytes) ||
         visit("socket.listen.backlog.size", c.socket_listen_backlog_size) || visit("fetch.max.bytes", c.fetch_max_bytes) ||
         visit("fetch.max.parked", c.max_parked_fetches) || visit("max.incremental.fetch.session.cache.slots", c.max_fetch_sessions) ||
         visit("shards", c.shards) || visit("open.files.max", c.open_files_max) ||
         visit("num.recovery.threads.per.data.dir", c.recovery_threads_per_log_dir) ||
         visit("producer.id.expiration.ms", c.producer_id_expiration_ms) ||
         visit("producer.id.expiration.check.interval.ms", c.producer_id_expiration_check_interval_ms) ||
         visit("producer.id.max.per.partition", c.max_producers_per_partition) ||
         visit("log.retention.check.interval.ms", c.retention_check_interval_ms) ||
         visit("log.flush.offset.checkpoint.interval.ms", c.recovery_point_checkpoint_interval_ms) ||
         visit("log.flush.start.offset.checkpoint.interval.ms", c.log_start_offset_checkpoint_interval_ms) ||
         visit("replica.high.watermark.checkpoint.interval.ms", c.high_watermark_checkpoint_interval_ms) ||
         visit("log.flush.scheduler.interval.ms", c.flush_scheduler_interval_ms) || visit("shutdown.timeout.ms", c.shutdown_timeout_ms) ||
         visit("controller.quorum.election.timeout.ms", c.quorum_election_timeout_ms) ||
         visit("controller.quorum.fetch.timeout.ms", c.quorum_fetch_timeout_ms) ||
         visit("controller.socket.timeout.ms", c.controller_request_timeout_ms) ||
         visit("controller.quorum.request.timeout.ms", c.controller_wait_ms) ||
         visit("broker.heartbeat.interval.ms", c.broker_heartbeat_interval_ms) ||
         visit("broker.session.timeout.ms", c.broker_session_timeout_ms) || visit("node.insecure", c.insecure) ||
         visit("auto.leader.rebalance.enable", c.auto_leader_rebalance) ||
         visit("leader.imbalance.check.interval.seconds", c.leader_imbalance_check_interval_s) ||
         visit("replica.lag.time.max.ms", c.replica_lag_time_max_ms) || visit("replica.fetch.max.bytes", c.replica_fetch_max_bytes) ||
         visit("replica.fetch.response.max.bytes", c.replica_fetch_response_max_bytes) ||
         visit("replica.fetch.backoff.ms", c.replica_fetch_backoff_ms);
}

// What was set, with the place each value came from, for messages.
class setting_reader {
public:
  struct setting {
    std::string value;
    std::string place; // "server.properties:12", "--override"
  };
  std::map<std::string, setting, std::less<>> settings;

  [[nodiscard]] const std::string* find(std::string_view key) const {
    const auto it = settings.find(key);
    return it == settings.end() ? nullptr : &it->second.value;
  }
  [[nodiscard]] tl::unexpected<error> fail_for(std::string_view key, std::string_view expected) const {
    const auto it = settings.find(key);
    if (it == settings.end())
      return fail(errc::bad_argument, std::string{key} + " (default): expected " + std::string{expected});
    return fail(errc::bad_argument,
                it->second.place + ": " + std::string{key} + '=' + it->second.value + ": expected " + std::string{expected});
  }
};

result<void> read_identity(const setting_reader& from, node_config& config) {
  const auto* id = from.find("node.id");
  const auto* old = from.find("broker.id");
  if (id)
    config.id = parse_integer<node_id>(*id);
  if (old && parse_integer<node_id>(*old) >= 0) {
    if (id && parse_integer<node_id>(*old) != config.id)
      return from.fail_for("broker.id", "the same number as node.id=" + *id + ", or leave it out");
    config.id = parse_integer<node_id>(*old);
  }
  if (const auto* roles = from.find("process.roles")) {
    const auto items = split_list(*roles);
    config.is_broker = std::find(items.begin(), items.end(), "broker") != items.end();
    config.is_controller = std::find(items.begin(), items.end(), "controller") != items.end();
  }
  if (!config.cluster_id.empty() && !uuid::parse(config.cluster_id))
    return from.fail_for("cluster.id", "22 characters of URL-safe base64, as in a directory's meta.properties");
  if (const auto* level = from.find("logging.level")) {
    constexpr std::string_view names[] = {"debug", "info", "warn", "error", "off"};
    const auto at = std::find(std::begin(names), std::end(names), trim_value(*level));
    config.log_level = static_cast<logging_level>(at - std::begin(names));
  }
  if (const auto* voters = from.find("controller.quorum.voters")) {
    auto parsed = parse_voters(*voters);
    if (!parsed)
      return from.fail_for("controller.quorum.voters", parsed.error().detail);
    config.quorum_voters = std::move(*parsed);
  }
  return {};
}

result<void> read_directories(const setting_reader& from, node_config& config) {
  const auto* key = from.find("log.dirs") ? "log.dirs" : "log.dir";
  if (const auto* dirs = from.find(key)) {
    config.log_dirs = split_list(*dirs);
    if (config.log_dirs.empty())
      return from.fail_for(key, "at least one directory");
  }
  auto sorted = config.log_dirs;
  for (auto& dir : sorted)
    while (dir.size() > 1 && dir.back() == '/')
      dir.pop_back();
  std::sort(sorted.begin(), sorted.end());
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
    return from.fail_for(key, "each directory once");
  if (config.metadata_log_dir.empty())
    config.metadata_log_dir = config.log_dirs.front();
  else if (std::find(config.log_dirs.begin(), config.log_dirs.end(), config.metadata_log_dir) == config.log_dirs.end())
    return from.fail_for("metadata.log.dir", "one of log.dirs (" + join_list(config.log_dirs) + ')');
  return {};
}

// The listeners by purpose, and what clients are told.
result<void> read_listeners(const setting_reader& from, node_config& config) {
  const auto* listeners_text = from.find("listeners");
  const auto* map_text = from.find("listener.security.protocol.map");
  auto listeners = parse_listeners(listeners_text ? *listeners_text : "PLAINTEXT://:9092");
  if (!listeners)
    return from.fail_for("listeners", listeners.error().detail);
  const auto protocols =
      parse_protocol_map(map_text ? *map_text : std::string{find_node_key("listener.security.protocol.map")->default_value});
  if (!protocols)
    return from.fail_for("listener.security.protocol.map", protocols.error().detail);
  const auto& controllers = config.controller_listener_names;
  config.listeners.clear();
  config.controller_listeners.clear();
  for (const auto& listener : *listeners) {
    const auto protocol = protocols->find(listener.name);
    const bool is_controller = std::find(controllers.begin(), controllers.end(), listener.name) != controllers.end();
    if (is_controller && !map_text && protocol == protocols->end()) { // as in Kafka: PLAINTEXT unless a map says otherwise
      config.controller_listeners.push_back(listener);
      continue;
    }
    if (protocol == protocols->end())
      return from.fail_for("listeners", "a protocol for listener " + listener.name + " in listener.security.protocol.map");
    if (protocol->second != "PLAINTEXT")
      return from.fail_for("listeners",
                           "only PLAINTEXT listeners: " + protocol->second + ", which " + listener.name + " needs, is not served");
    (is_controller ? config.controller_listeners : config.listeners).push_back(listener);
  }
  if (config.is_broker && config.listeners.empty())
    return from.fail_for("listeners", "at least one listener that is not among controller.listener.names");
  if (const auto* name = from.find("inter.broker.listener.name");
      name && std::none_of(config.listeners.begin(), config.listeners.end(), [&](const auto& l) { return l.name == trim_value(*name); }))
    return from.fail_for("inter.broker.listener.name", "the name of one of listeners");
  return {};
}

result<void> read_advertised(const setting_reader& from, node_config& config) {
  config.advertised_listeners.clear();
  std::vector<listener_address> advertised;
  const auto* text = from.find("advertised.listeners");
  if (text && !trim_value(*text).empty()) {
    auto parsed = parse_listeners(*text);
    if (!parsed)
      return from.fail_for("advertised.listeners", parsed.error().detail);
    advertised = std::move(*parsed);
  }
  auto find = [](const auto& among, const std::string& name) {
    return std::find_if(among.begin(), among.end(), [&](const auto& l) { return l.name == name; });
  };
  for (const auto& one : advertised) {
    const bool is_controller = find(config.controller_listeners, one.name) != config.controller_listeners.end();
    if (!is_controller && find(config.listeners, one.name) == config.listeners.end())
      return from.fail_for("advertised.listeners", "names from listeners; " + one.name + " is not there");
    if (one.host == "0.0.0.0" || one.host == "::")
      return from.fail_for("advertised.listeners", "an address that clients can connect to; " + one.host + " is none");
  }
  for (const auto& listener : config.listeners) {
    const auto it = find(advertised, listener.name);
    if (it == advertised.end() && !advertised.empty())
      continue; // as Kafka: a listener that is left out is not told to clients
    auto told = it == advertised.end() ? listener : *it;
    if (told.host.empty() || told.host == "0.0.0.0" || told.host == "::")
      told.host = reachable_host_name();
    config.advertised_listeners.push_back(std::move(told));
  }
  if (config.is_broker && config.advertised_listeners.empty())
    return from.fail_for("advertised.listeners", "at least one listener for clients");
  return {};
}

// The number of a time that can be said in several units; the finest that is set wins.
std::int64_t first_time(const setting_reader& from, std::string_view ms, std::string_view minutes, std::string_view hours,
                        std::int64_t otherwise) {
  auto scaled = [](const std::string& text, std::int64_t factor) {
    const auto value = parse_integer<std::int64_t>(text);
    return value < 0 ? std::int64_t{-1} : value * factor;
  };
  if (const auto* text = from.find(ms))
    return scaled(*text, 1);
  if (const auto* text = from.find(minutes))
    return scaled(*text, 60'000);
  if (const auto* text = from.find(hours))
    return scaled(*text, 3'600'000);
  return otherwise;
}

result<void> read_topic_defaults(const setting_reader& from, node_config& config) {
  auto& topic = config.topic_defaults;
  for (const auto& [key, setting] : from.settings)
    if (const auto* spec = find_node_key(key); spec && !spec->topic_name.empty())
      set_topic_member(topic, spec->topic_name, setting.value);
  if (const auto* text = from.find("internal.segment.bytes"))
    set_topic_member(topic, "segment.bytes", *text); // wins, whatever the order
  topic.retention_ms = first_time(from, "log.retention.ms", "log.retention.minutes", "log.retention.hours", topic.retention_ms);
  topic.segment_ms = first_time(from, "log.roll.ms", "", "log.roll.hours", topic.segment_ms);
  topic.segment_jitter_ms = first_time(from, "log.roll.jitter.ms", "", "log.roll.jitter.hours", topic.segment_jitter_ms);
  if (!from.find("log.flush.interval.ms"))
    topic.flush_ms = config.flush_scheduler_interval_ms;
  if (topic.retention_ms == 0)
    return from.fail_for(from.find("log.retention.ms")        ? "log.retention.ms"
                         : from.find("log.retention.minutes") ? "log.retention.minutes"
                                                              : "log.retention.hours",
                         "a time above 0, or -1 for no bound");
  if (topic.compression_gzip_level == 0)
    return from.fail_for("compression.gzip.level", "1 to 9, or -1 for gzip's default");
  if (topic.min_compaction_lag_ms > topic.max_compaction_lag_ms)
    return from.fail_for("log.cleaner.min.compaction.lag.ms", "at most log.cleaner.max.compaction.lag.ms");
  return {};
}

std::int32_t available_cores() {
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) == 0)
    return std::max(1, CPU_COUNT(&set));
  return std::max(1, static_cast<std::int32_t>(std::thread::hardware_concurrency()));
}

std::int32_t idle_files_by_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0)
    return 512;
  return static_cast<std::int32_t>(std::clamp<rlim_t>(limit.rlim_max / 2, 64, 16384));
}

result<void> read_resources(const setting_reader& from, node_config& config) {
  if (config.queued_max_request_bytes == 0)
    return from.fail_for("queued.max.request.bytes", "a number above 0 (bytes), or -1 for the default");
  if (config.queued_max_request_bytes < 0 || !from.find("queued.max.request.bytes"))
    config.queued_max_request_bytes = std::max<std::int64_t>(default_queued_bytes, config.socket_request_max_bytes);
  if (config.queued_max_request_bytes < config.socket_request_max_bytes)
    return from.fail_for("queued.max.request.bytes", "at least socket.request.max.bytes (" +
                                                         std::to_string(config.socket_request_max_bytes) +
                                                         "), or the largest request could never pass");
  if (const auto* text = from.find("internal.metadata.log.segment.bytes"))
    config.metadata_segment_bytes = parse_integer<std::int64_t>(*text);
  if (config.shards == 0)
    config.shards = available_cores();
  if (config.open_files_max == 0)
    config.open_files_max = idle_files_by_limit();
  return {};
}

result<node_config> build(const setting_reader& from) {
  node_config config;
  for (const auto& [key, setting] : from.settings) {
    const auto& name = key;
    const auto& text = setting.value;
    visit_members(config, [&](std::string_view member_name, auto& member) {
      if (member_name != name)
        return false;
      read_value(text, member);
      return true;
    });
    config.set_values[key] = text;
  }
  CAFKA_TRY(read_identity(from, config));
  CAFKA_TRY(read_directories(from, config));
  CAFKA_TRY(read_listeners(from, config));
  CAFKA_TRY(read_advertised(from, config));
  CAFKA_TRY(read_topic_defaults(from, config));
  CAFKA_TRY(read_resources(from, config));
  return config;
}

result<std::string> read_file(const std::string& file) {
  constexpr std::uintmax_t limit_bytes = 16 << 20;
  auto refuse = [&](std::string_view why) {
    return fail(errc::bad_argument, file + ": " + std::string{why} + ": expected a readable configuration file");
  };
  struct ::stat status {};
  if (::stat(file.c_str(), &status) != 0)
    return refuse(std::strerror(errno));
  if (S_ISDIR(status.st_mode))
    return refuse("is a directory");
  if (static_cast<std::uintmax_t>(status.st_size) > limit_bytes)
    return refuse("is larger than 16 MiB");
  std::ifstream in{file, std::ios::binary};
  std::ostringstream text;
  if (!in || (status.st_size > 0 && !(text << in.rdbuf())))
    return refuse(std::strerror(errno));
  return std::move(text).str();
}

// Takes one key in: checks it against the table, or notes it as ignored or unknown.
struct collector {
  setting_reader reader{};
  std::vector<std::string> ignored{};
  config_values ineffective_values{};
  std::vector<std::string> warnings{};
  bool strict = false;

  result<void> take(const std::string& key, const std::string& value, std::string place) {
    const auto* spec = find_node_key(key);
    if (!spec) {
      if (is_ignored_kafka_key(key)) {
        if (std::find(ignored.begin(), ignored.end(), key) == ignored.end())
          ignored.push_back(key);
        if (find_ineffective_key(key, false))
          ineffective_values[key] = trim_value(value);
        return {};
      }
      auto message = place + ": " + key + ": unknown key";
      if (const auto nearest = nearest_key(key, false))
        message += "; did you mean " + *nearest + '?';
      if (strict)
        return fail(errc::bad_argument,
                    message + (message.ends_with('?') ? "" : ";") + " expected a key of `cafka config list` (--strict-config)");
      warnings.push_back(message + (message.ends_with('?') ? " It" : "; it") + " has no effect");
      return {};
    }
    const std::string trimmed{trim_value(value)};
    if (trimmed.empty() && spec->default_value.empty() && (spec->type == value_type::text || spec->type == value_type::list)) {
      reader.settings.erase(key); // `key=` unsets it
      return {};
    }
    reader.settings[key] = {trimmed, std::move(place)};
    if (!is_acceptable(*spec, trimmed))
      return reader.fail_for(key, expectation(*spec));
    return {};
  }
};

} // namespace

result<loaded_config> load_node_config(const std::string& file, const std::vector<std::string>& overrides, bool strict) {
  collector all{.strict = strict};
  if (!file.empty()) {
    CAFKA_TRY_ASSIGN(text, read_file(file));
    CAFKA_TRY_ASSIGN(found, parse_properties(text, file));
    for (const auto& entry : found.overwritten) {
      auto message = file + ':' + std::to_string(entry.line) + ": " + entry.key + ": set again further down; the last one holds";
      if (strict)
        return fail(errc::bad_argument, message + "; expected each key once (--strict-config)");
      all.warnings.push_back(std::move(message));
    }
    for (const auto& entry : found.entries)
      CAFKA_TRY(all.take(entry.key, entry.value, file + ':' + std::to_string(entry.line)));
  }
  for (const auto& override_text : overrides) {
    const auto equals = override_text.find('=');
    if (equals == std::string::npos || equals == 0)
      return fail(errc::bad_argument, "--override " + override_text + ": expected key=value");
    CAFKA_TRY(all.take(std::string{trim_value(std::string_view{override_text}.substr(0, equals))}, override_text.substr(equals + 1),
                       "--override"));
  }
  CAFKA_TRY_ASSIGN(config, build(all.reader));
  config.ineffective_values = std::move(all.ineffective_values);
  if (!all.ignored.empty()) {
    std::sort(all.ignored.begin(), all.ignored.end());
    all.warnings.push_back((file.empty() ? std::string{"--override"} : file) +
                           ": keys of Kafka that have no effect here: " + join_list(all.ignored));
  }
  return loaded_config{std::move(config), std::move(all.warnings)};
}

namespace {

setting_reader settings_with(const node_config& base, const config_values& cluster_wide, const config_values& own) {
  setting_reader reader;
  for (const auto& [key, value] : base.set_values)
    reader.settings[key] = {value, "server.properties"};
  for (const auto* layer : {&cluster_wide, &own})
    for (const auto& [key, value] : *layer)
      if (const auto* spec = find_node_key(key); spec && spec->mode != update_mode::read_only && is_acceptable(*spec, value))
        reader.settings[key] = {value, "dynamic configuration"};
  return reader;
}

} // namespace

result<node_config> with_dynamic(const node_config& base, const config_values& cluster_wide, const config_values& own) {
  return build(settings_with(base, cluster_wide, own));
}

result<topic_config> dynamic_topic_defaults(const node_config& base, const config_values& cluster_wide, const config_values& own) {
  if (cluster_wide.empty() && own.empty())
    return base.topic_defaults;
  auto config = base;
  config.topic_defaults = {};
  CAFKA_TRY(read_topic_defaults(settings_with(base, cluster_wide, own), config));
  return config.topic_defaults;
}

live_config dynamic_live_config(const node_config& base, const config_values& cluster_wide, const config_values& own) {
  live_config live{base.max_connections, base.max_connections_per_ip, base.producer_id_expiration_ms};
  if (cluster_wide.empty() && own.empty())
    return live;
  const auto settings = settings_with(base, cluster_wide, own);
  const auto read = [&](std::string_view key, std::int32_t& to) {
    if (const auto* text = settings.find(key))
      to = parse_integer<std::int32_t>(*text);
  };
  read("max.connections", live.max_connections);
  read("max.connections.per.ip", live.max_connections_per_ip);
  read("producer.id.expiration.ms", live.producer_id_expiration_ms);
  return live;
}

result<void> check_dynamic_node_config(std::string_view key, std::string_view value) {
  const auto named = '[' + std::string{key} + ']';
  const auto* spec = find_node_key(key);
  const bool has_effect = spec != nullptr;
  if (!spec)
    spec = find_ineffective_key(key, false);
  // A listener has no settings of its own here, and would seem to be protected if they were taken.
  if ((spec && spec->mode == update_mode::read_only) || (!spec && is_ignored_kafka_key(key)))
    return fail(errc::invalid_request, "Cannot update these configs dynamically: " + named);
  if (!spec) {
    auto message = "Unknown broker config name: " + std::string{key};
    if (const auto nearest = nearest_key(key, false))
      message += " (did you mean " + *nearest + "?)";
    return fail(errc::invalid_config, std::move(message));
  }
  if (!has_effect && (key.starts_with("ssl.") || key.starts_with("sasl.")))
    return fail(errc::invalid_request,
                "These security configs can be dynamically updated only per-listener using the listener prefix: " + named);
  if (!is_acceptable(*spec, value))
    return fail(errc::invalid_request,
                "Invalid value " + std::string{value} + " for configuration " + std::string{key} + ": " + complaint(*spec, value));
  return {};
}

std::string node_value_text(const node_config& config, const key_spec& spec) {
  if (!spec.topic_name.empty() && spec.name != "internal.segment.bytes")
    return topic_member_text(config.topic_defaults, spec.topic_name);
  if (const auto it = config.set_values.find(spec.name); it != config.set_values.end())
    return it->second;
  return std::string{spec.default_value};
}

} // namespace cafka
