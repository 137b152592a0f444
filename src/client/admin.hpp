// Topics, partitions, configs and offsets. Each call is one request per node concerned, tried again over time-outs of the
// metadata and changes of leader or controller until the cluster's request_timeout; a change is sent again only when it was
// certainly not carried out. If that is unknown, the error's detail says so.
//
// Calls about several things answer for each of them: outcomes stand in the order asked, and the result as a whole is an error
// only when nobody could be asked. All members may be called from any thread.
#pragma once
#include "client/client.hpp"

namespace cafka::client {

struct new_topic {
  std::string name = {};
  std::int32_t partition_count = 0;              // 0: the cluster's num.partitions
  std::int32_t replication_factor = 0;           // 0: the cluster's default.replication.factor
  std::vector<std::vector<node_id>> assignment = {};  // replicas by partition; if given, the two above stay 0
  std::map<std::string, std::string> configs = {};
};

struct topic_outcome {
  std::string name = {};
  uuid topic_id = {};                         // zero if unknown
  result<void> outcome = {};
  std::int32_t partition_count = -1;     // −1: not told
  std::int32_t replication_factor = -1;
};

struct new_partitions {
  std::string topic = {};
  std::int32_t total_count = 0;                 // afterwards
  std::vector<std::vector<node_id>> assignment = {}; // of the new partitions; empty: the cluster chooses
};

struct config_resource {
  enum class kind : std::int8_t { topic = 2, broker = 4 };
  kind type = kind::topic;
  std::string name = {}; // the topic's, or the broker's id; an empty broker name is the default of all brokers
  bool operator==(const config_resource&) const = default;
};

struct config_change {
  enum class operation : std::int8_t { set = 0, remove = 1, append = 2, subtract = 3 };
  std::string key = {};
  operation what = operation::set;
  std::string value = {}; // unused by remove
};

struct config_alteration {
  config_resource resource = {};
  std::vector<config_change> changes = {};
};

struct config_outcome {
  config_resource resource = {};
  result<void> outcome = {};
};

struct config_entry {
  enum class origin : std::int8_t { unknown = 0, topic = 1, dynamic_broker = 2, dynamic_default = 3, file = 4, built_in = 5 };
  std::string key = {};
  std::optional<std::string> value = {}; // nullopt: unset, or sensitive
  origin source = origin::unknown;
  bool read_only = false;
  bool sensitive = false;
  std::string type = {}; // "long", "string", "list", …
  std::string documentation = {};
};

struct config_description {
  config_resource resource = {};
  result<std::vector<config_entry>> entries = {};
};

struct log_directory {
  node_id node = no_node;
  std::string path = {};
  result<void> state = {};        // kafka_storage_error: offline, and the rest is not known
  std::int64_t total_bytes = -1;  // of the volume; −1: unknown
  std::int64_t usable_bytes = -1;
  struct replica {
    topic_partition where = {};
    std::int64_t size_bytes = 0;
  };
  std::vector<replica> replicas = {};
};

// What a node says of itself in its hello.
struct server_software {
  std::string name = {};           // "cafka 0.1.0"
  std::uint32_t native_version = 0; // of the native protocol, the highest that both sides speak
};

struct node_description {
  broker node = {};
  result<server_software> software = {}; // or why the node could not be asked
};

// Of Kafka's protocol, as ApiVersions tells them.
struct kafka_api {
  std::int16_t key = -1;
  std::string name = {}; // "Produce"
  std::int16_t min_version = 0;
  std::int16_t max_version = 0;
  bool operator==(const kafka_api&) const = default;
};

struct finalized_feature {
  std::string name = {};
  std::int16_t level = 0;
  bool operator==(const finalized_feature&) const = default;
};

struct api_list {
  std::vector<kafka_api> apis = {}; // by key
  std::vector<finalized_feature> features = {};
  std::int64_t features_epoch = -1; // offset in the metadata log
};

struct node_apis {
  broker node = {};
  result<api_list> served = {}; // or why the node could not be asked
};

enum class election_kind : std::int8_t {
  preferred = 0, // the first replica, if it is in sync
  unclean = 1,   // where nobody in sync can lead: any replica that is there, with the loss of what it does not have
};

struct election_outcome {
  topic_partition where = {};
  result<void> outcome = {}; // election_not_needed: nothing was wrong
};

// The voters of the metadata log and those who only follow it, as their leader sees them.
struct quorum_description {
  struct replica {
    node_id id = no_node;
    uuid directory_id = {};
    std::int64_t log_end_offset = -1;    // −1: it has not fetched from this leader
    std::int64_t last_fetch_ms = -1;     // since the epoch, by the leader's clock; −1: never
    std::int64_t last_caught_up_ms = -1; // when it last had all that the leader has; −1: never
    std::string host = {};               // empty: the configuration does not say
    std::uint16_t port = 0;
  };
  node_id leader = no_node;
  std::int32_t leader_epoch = -1;
  std::int64_t high_watermark = -1; // −1: not known yet
  std::vector<replica> voters = {};
  std::vector<replica> observers = {};
};

// A broker that is registered, up or not.
struct broker_description {
  broker node = {};
  bool fenced = false; // it takes no part: down, or on its way up or down
  bool in_controlled_shutdown = false;
  std::int64_t broker_epoch = -1; // offset of its registration in the metadata log
};

struct offset_query {
  topic_partition where = {};
  // earliest, latest, timestamp, or max_timestamp below.
  std::int64_t timestamp = latest;
  static constexpr std::int64_t latest = -1;
  static constexpr std::int64_t earliest = -2;
  static constexpr std::int64_t max_timestamp = -3; // the record with the greatest timestamp
};

struct listed_offset {
  std::int64_t offset = -1; // −1: no such record
  std::int64_t timestamp = -1;
  std::int32_t leader_epoch = -1;
};

struct offset_outcome {
  topic_partition where = {};
  result<listed_offset> offset = {};
};

struct records_to_delete {
  topic_partition where = {};
  std::int64_t before_offset = -1; // −1: up to the high watermark
};

struct deleted_records {
  topic_partition where = {};
  result<std::int64_t> log_start_offset = {}; // afterwards
};

struct topic_details {
  std::string name = {};
  result<topic_description> topic = {}; // unknown_topic_or_partition, …
};

class admin {
public:
  explicit admin(const cluster& where);

  // validate_only checks everything and changes nothing.
  template <class CompletionToken>
  auto async_create_topics(std::vector<new_topic> topics, bool validate_only, CompletionToken&& token) {
    return initiate<std::vector<topic_outcome>>(&admin::start_create_topics, token, std::move(topics), validate_only);
  }
  result<std::vector<topic_outcome>> create_topics(std::vector<new_topic> topics, bool validate_only = false);

  template <class CompletionToken>
  auto async_delete_topics(std::vector<std::string> names, CompletionToken&& token) {
    return initiate<std::vector<topic_outcome>>(&admin::start_delete_topics, token, std::move(names));
  }
  result<std::vector<topic_outcome>> delete_topics(std::vector<std::string> names);

  template <class CompletionToken>
  auto async_create_partitions(std::vector<new_partitions> topics, bool validate_only, CompletionToken&& token) {
    return initiate<std::vector<topic_outcome>>(&admin::start_create_partitions, token, std::move(topics), validate_only);
  }
  result<std::vector<topic_outcome>> create_partitions(std::vector<new_partitions> topics, bool validate_only = false);

  // Every topic's name, id and partitions, by name.
  template <class CompletionToken>
  auto async_list_topics(CompletionToken&& token) {
    return initiate<std::vector<topic_description>>(&admin::start_list_topics, token);
  }
  result<std::vector<topic_description>> list_topics();

  // With the configs that were set on them; all topics if `names` is empty.
  template <class CompletionToken>
  auto async_describe_topics(std::vector<std::string> names, CompletionToken&& token) {
    return initiate<std::vector<topic_details>>(&admin::start_describe_topics, token, std::move(names));
  }
  result<std::vector<topic_details>> describe_topics(std::vector<std::string> names = {});

  template <class CompletionToken>
  auto async_alter_configs(std::vector<config_alteration> alterations, bool validate_only, CompletionToken&& token) {
    return initiate<std::vector<config_outcome>>(&admin::start_alter_configs, token, std::move(alterations), validate_only);
  }
  result<std::vector<config_outcome>> alter_configs(std::vector<config_alteration> alterations, bool validate_only = false);

  // Every config that holds for the resource, with where it comes from.
  template <class CompletionToken>
  auto async_describe_configs(std::vector<config_resource> resources, CompletionToken&& token) {
    return initiate<std::vector<config_description>>(&admin::start_describe_configs, token, std::move(resources));
  }
  result<std::vector<config_description>> describe_configs(std::vector<config_resource> resources);

  template <class CompletionToken>
  auto async_list_offsets(std::vector<offset_query> queries, isolation level, CompletionToken&& token) {
    return initiate<std::vector<offset_outcome>>(&admin::start_list_offsets, token, std::move(queries), level);
  }
  result<std::vector<offset_outcome>> list_offsets(std::vector<offset_query> queries, isolation level = isolation::read_uncommitted);

  // Records below the offset can no longer be read; their space is freed by whole segments, later.
  template <class CompletionToken>
  auto async_delete_records(std::vector<records_to_delete> partitions, CompletionToken&& token) {
    return initiate<std::vector<deleted_records>>(&admin::start_delete_records, token, std::move(partitions));
  }
  result<std::vector<deleted_records>> delete_records(std::vector<records_to_delete> partitions);

  // Brokers and controller.
  template <class CompletionToken>
  auto async_describe_cluster(CompletionToken&& token) {
    return initiate<cluster_description>(&admin::start_describe_cluster, token);
  }
  result<cluster_description> describe_cluster();

  // Every broker that is registered, by id, those that are down too.
  template <class CompletionToken>
  auto async_describe_brokers(CompletionToken&& token) {
    return initiate<std::vector<broker_description>>(&admin::start_describe_brokers, token);
  }
  result<std::vector<broker_description>> describe_brokers();

  // Answered when the new leaders are decided on.
  template <class CompletionToken>
  auto async_elect_leaders(election_kind kind, std::vector<topic_partition> partitions, CompletionToken&& token) {
    return initiate<std::vector<election_outcome>>(&admin::start_elect_leaders, token, kind, std::move(partitions));
  }
  result<std::vector<election_outcome>> elect_leaders(election_kind kind, std::vector<topic_partition> partitions);

  template <class CompletionToken>
  auto async_describe_quorum(CompletionToken&& token) {
    return initiate<quorum_description>(&admin::start_describe_quorum, token);
  }
  result<quorum_description> describe_quorum();

  // The log directories of every node.
  template <class CompletionToken>
  auto async_describe_log_dirs(CompletionToken&& token) {
    return initiate<std::vector<log_directory>>(&admin::start_describe_log_dirs, token);
  }
  result<std::vector<log_directory>> describe_log_dirs();

  // Each of `nodes`, or of all if it is empty, asked by itself and all at once: one that does not answer fails alone.
  template <class CompletionToken>
  auto async_describe_nodes(std::vector<node_id> nodes, CompletionToken&& token) {
    return initiate<std::vector<node_description>>(&admin::start_describe_nodes, token, std::move(nodes));
  }
  result<std::vector<node_description>> describe_nodes(std::vector<node_id> nodes = {});

  // The APIs of Kafka's protocol that each node serves; nodes as for describe_nodes.
  template <class CompletionToken>
  auto async_describe_apis(std::vector<node_id> nodes, CompletionToken&& token) {
    return initiate<std::vector<node_apis>>(&admin::start_describe_apis, token, std::move(nodes));
  }
  result<std::vector<node_apis>> describe_apis(std::vector<node_id> nodes = {});

private:
  using shared = std::shared_ptr<core>;
  template <class T, class Start, class CompletionToken, class... Arguments>
  auto initiate(Start start, CompletionToken& token, Arguments&&... arguments) {
    return asio::async_initiate<CompletionToken, void(result<T>)>(
        [self = core_, start](auto handler, auto&&... values) {
          start(self, std::forward<decltype(values)>(values)..., completion<T>{std::move(handler)});
        },
        token, std::forward<Arguments>(arguments)...);
  }
  static void start_create_topics(const shared&, std::vector<new_topic>, bool, completion<std::vector<topic_outcome>>);
  static void start_delete_topics(const shared&, std::vector<std::string>, completion<std::vector<topic_outcome>>);
  static void start_create_partitions(const shared&, std::vector<new_partitions>, bool, completion<std::vector<topic_outcome>>);
  static void start_list_topics(const shared&, completion<std::vector<topic_description>>);
  static void start_describe_topics(const shared&, std::vector<std::string>, completion<std::vector<topic_details>>);
  static void start_alter_configs(const shared&, std::vector<config_alteration>, bool, completion<std::vector<config_outcome>>);
  static void start_describe_configs(const shared&, std::vector<config_resource>, completion<std::vector<config_description>>);
  static void start_list_offsets(const shared&, std::vector<offset_query>, isolation, completion<std::vector<offset_outcome>>);
  static void start_delete_records(const shared&, std::vector<records_to_delete>, completion<std::vector<deleted_records>>);
  static void start_describe_log_dirs(const shared&, completion<std::vector<log_directory>>);
  static void start_describe_cluster(const shared&, completion<cluster_description>);
  static void start_describe_brokers(const shared&, completion<std::vector<broker_description>>);
  static void start_elect_leaders(const shared&, election_kind, std::vector<topic_partition>, completion<std::vector<election_outcome>>);
  static void start_describe_quorum(const shared&, completion<quorum_description>);
  static void start_describe_nodes(const shared&, std::vector<node_id>, completion<std::vector<node_description>>);
  static void start_describe_apis(const shared&, std::vector<node_id>, completion<std::vector<node_apis>>);

  shared core_;
};

} // namespace cafka::client
