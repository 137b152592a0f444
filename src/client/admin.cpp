#include "client/admin.hpp"

#include "client/internal/by_leader.hpp"
#include "client/internal/by_node.hpp"

#include <algorithm>

namespace cafka::client {

namespace {

using header_result = result<native::ResponseHeader>;

// Did the asked node turn out not to be the controller? Per thing asked, as Kafka answers.
bool is_misrouted(const native::ResponseHeader& answer) {
  auto refused = [](const auto& outcomes) {
    return std::any_of(outcomes.begin(), outcomes.end(),
                       [](const auto& one) { return one.error().code() == static_cast<std::int32_t>(errc::not_controller); });
  };
  return answer.error().code() == static_cast<std::int32_t>(errc::not_controller) || refused(answer.create_topics().topics()) ||
         refused(answer.delete_topics().topics()) || refused(answer.create_partitions().topics()) ||
         refused(answer.alter_configs().outcomes()) || refused(answer.elect_leaders().outcomes());
}

enum class call_kind { question, change };

// Asks the controller for a change, anyone for an answer, until the deadline.
asio::awaitable<header_result> call(std::shared_ptr<core> on, native::RequestHeader header, call_kind kind) {
  auto deadline = steady_clock::now() + on->config().request_timeout;
  error last{errc::request_timed_out, "nobody answered"};
  for (int round = 1;; ++round) {
    auto to = no_node;
    if (kind == call_kind::change) {
      if (round > 1 || on->controller() == no_node) {
        auto known = co_await on->want_topics_and_wait({}, deadline, true);
        if (!known)
          co_return tl::unexpected(known.error());
      }
      to = on->controller();
    }
    rpc_request request;
    request.header = header;
    request.timeout = std::max(milliseconds{1}, std::chrono::ceil<milliseconds>(deadline - steady_clock::now()));
    auto answer = co_await on->call_and_wait(to, std::move(request));
    if (answer) {
      auto code = static_cast<errc>(answer->header.error().code());
      if (code == errc::none && !is_misrouted(answer->header))
        co_return std::move(answer->header);
      last = code == errc::none ? error{errc::not_controller, {}} : to_error(answer->header.error());
      // A time-out at the other side leaves open whether a change was made, unless its words say so: it is not asked for again.
      const auto in_doubt = kind == call_kind::change && last.code == errc::request_timed_out;
      if (in_doubt || (!is_retriable(last.code) && last.code != errc::not_controller))
        co_return tl::unexpected(last);
    } else {
      last = answer.error().cause();
      if (last.code == errc::cancelled || last.code == errc::bad_argument || last.code == errc::unsupported_version)
        co_return tl::unexpected(last);
      if (answer.error().sent && kind == call_kind::change) {
        last.detail += "; whether the change was made is unknown";
        co_return tl::unexpected(last);
      }
    }
    if (on->closed())
      co_return tl::unexpected(closed_error());
    auto pause = on->backoff(round);
    if (steady_clock::now() + pause >= deadline)
      co_return tl::unexpected(last);
    co_await on->wait(pause);
  }
}

template <class Assignment>
void fill_assignment(const std::vector<std::vector<node_id>>& from, Assignment* to) {
  for (const auto& replicas : from) {
    auto* list = to->Add();
    for (auto node : replicas)
      list->add_nodes(node);
  }
}

template <class Outcomes>
std::vector<topic_outcome> topic_outcomes(const Outcomes& from) {
  std::vector<topic_outcome> all;
  for (const auto& one : from) {
    auto ok = one.error().code() == 0;
    all.push_back({one.name(), from_wire(one.topic_id()), to_result(one.error()), ok ? one.partition_count() : -1,
                   ok ? one.replication_factor() : -1});
  }
  return all;
}

template <class Nodes>
std::vector<node_id> nodes_of(const Nodes& from) {
  return {from.begin(), from.end()};
}

topic_description description_of(const native::TopicMetadata& from) {
  topic_description topic{from.name(), from_wire(from.topic_id()), from.internal(), {}, {}};
  for (const auto& one : from.partitions())
    topic.partitions.push_back({one.partition(), one.leader(), one.leader_epoch(), nodes_of(one.replicas()), nodes_of(one.isr()),
                                nodes_of(one.elr()), nodes_of(one.last_known_elr())});
  std::sort(topic.partitions.begin(), topic.partitions.end(), [](const auto& a, const auto& b) { return a.partition < b.partition; });
  return topic;
}

void fill_resource(const config_resource& from, native::ConfigResource* to) {
  to->set_type(static_cast<std::int32_t>(from.type));
  to->set_name(from.name);
}
config_resource resource_of(const native::ConfigResource& from) { return {static_cast<config_resource::kind>(from.type()), from.name()}; }

asio::awaitable<result<std::vector<topic_outcome>>> create_topics_on(std::shared_ptr<core> on, std::vector<new_topic> topics,
                                                                     bool validate_only) {
  native::RequestHeader header;
  header.mutable_create_topics()->set_validate_only(validate_only);
  for (const auto& one : topics) {
    auto* topic = header.mutable_create_topics()->add_topics();
    topic->set_name(one.name);
    topic->set_partition_count(one.partition_count);
    topic->set_replication_factor(one.replication_factor);
    fill_assignment(one.assignment, topic->mutable_assignment());
    for (const auto& [name, value] : one.configs) {
      auto* config = topic->add_configs();
      config->set_name(name);
      config->set_value(value);
    }
  }
  auto answer = co_await call(std::move(on), std::move(header), call_kind::change);
  if (!answer)
    co_return tl::unexpected(answer.error());
  co_return topic_outcomes(answer->create_topics().topics());
}

asio::awaitable<result<std::vector<topic_outcome>>> delete_topics_on(std::shared_ptr<core> on, std::vector<std::string> names) {
  native::RequestHeader header;
  header.mutable_delete_topics();
  for (auto& name : names)
    header.mutable_delete_topics()->add_topics(std::move(name));
  auto answer = co_await call(std::move(on), std::move(header), call_kind::change);
  if (!answer)
    co_return tl::unexpected(answer.error());
  co_return topic_outcomes(answer->delete_topics().topics());
}

asio::awaitable<result<std::vector<topic_outcome>>> create_partitions_on(std::shared_ptr<core> on, std::vector<new_partitions> topics,
                                                                         bool validate_only) {
  native::RequestHeader header;
  header.mutable_create_partitions()->set_validate_only(validate_only);
  for (const auto& one : topics) {
    auto* topic = header.mutable_create_partitions()->add_topics();
    topic->set_topic(one.topic);
    topic->set_total_count(one.total_count);
    fill_assignment(one.assignment, topic->mutable_assignment());
  }
  auto answer = co_await call(std::move(on), std::move(header), call_kind::change);
  if (!answer)
    co_return tl::unexpected(answer.error());
  co_return topic_outcomes(answer->create_partitions().topics());
}

asio::awaitable<result<std::vector<topic_description>>> list_topics_on(std::shared_ptr<core> on) {
  native::RequestHeader header;
  header.mutable_metadata()->set_all_topics(true);
  auto answer = co_await call(std::move(on), std::move(header), call_kind::question);
  if (!answer)
    co_return tl::unexpected(answer.error());
  std::vector<topic_description> all;
  for (const auto& topic : answer->metadata().topics())
    all.push_back(description_of(topic));
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  co_return all;
}

asio::awaitable<result<std::vector<topic_details>>> describe_topics_on(std::shared_ptr<core> on, std::vector<std::string> names) {
  native::RequestHeader header;
  header.mutable_describe_topics();
  for (const auto& name : names)
    header.mutable_describe_topics()->add_topics(name);
  auto answer = co_await call(std::move(on), std::move(header), call_kind::question);
  if (!answer)
    co_return tl::unexpected(answer.error());
  std::vector<topic_details> all;
  for (const auto& one : answer->describe_topics().topics()) {
    auto& details = all.emplace_back();
    details.name = one.topic().name();
    if (one.topic().error().code() != 0) {
      details.topic = tl::unexpected(to_error(one.topic().error()));
      continue;
    }
    details.topic = description_of(one.topic());
    for (const auto& config : one.configs())
      details.topic->configs.insert_or_assign(config.name(), config.value());
    details.topic->min_insync_replicas = one.min_insync_replicas();
  }
  if (names.empty())
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  co_return all;
}

asio::awaitable<result<std::vector<config_outcome>>> alter_configs_on(std::shared_ptr<core> on, std::vector<config_alteration> alterations,
                                                                      bool validate_only) {
  native::RequestHeader header;
  header.mutable_alter_configs()->set_validate_only(validate_only);
  for (const auto& one : alterations) {
    auto* resource = header.mutable_alter_configs()->add_resources();
    fill_resource(one.resource, resource->mutable_resource());
    for (const auto& change : one.changes) {
      auto* to = resource->add_changes();
      to->set_key(change.key);
      to->set_operation(static_cast<std::int32_t>(change.what));
      to->set_value(change.value);
    }
  }
  auto answer = co_await call(std::move(on), std::move(header), call_kind::change);
  if (!answer)
    co_return tl::unexpected(answer.error());
  std::vector<config_outcome> all;
  for (const auto& one : answer->alter_configs().outcomes())
    all.push_back({resource_of(one.resource()), to_result(one.error())});
  co_return all;
}

config_entry entry_of(const native::DescribeConfigsResponse::Entry& from) {
  config_entry entry;
  entry.key = from.key();
  if (from.has_value())
    entry.value = from.value();
  if (from.source() >= 1 && from.source() <= 5)
    entry.source = static_cast<config_entry::origin>(from.source());
  entry.read_only = from.read_only();
  entry.sensitive = from.sensitive();
  entry.type = from.type();
  entry.documentation = from.documentation();
  return entry;
}

asio::awaitable<result<std::vector<config_description>>> describe_configs_on(std::shared_ptr<core> on,
                                                                             std::vector<config_resource> resources) {
  native::RequestHeader header;
  header.mutable_describe_configs();
  for (const auto& one : resources)
    fill_resource(one, header.mutable_describe_configs()->add_resources());
  auto answer = co_await call(std::move(on), std::move(header), call_kind::question);
  if (!answer)
    co_return tl::unexpected(answer.error());
  std::vector<config_description> all;
  for (const auto& one : answer->describe_configs().resources()) {
    auto& described = all.emplace_back();
    described.resource = resource_of(one.resource());
    if (one.error().code() != 0) {
      described.entries = tl::unexpected(to_error(one.error()));
      continue;
    }
    for (const auto& entry : one.entries())
      described.entries->push_back(entry_of(entry));
  }
  co_return all;
}

asio::awaitable<result<std::vector<offset_outcome>>> list_offsets_on(std::shared_ptr<core> on, std::vector<offset_query> queries,
                                                                     isolation level) {
  auto deadline = steady_clock::now() + on->config().request_timeout;
  auto outcomes = co_await query_offsets(std::move(on), std::move(queries), level, deadline);
  co_return outcomes;
}

class delete_question final : public leader_question {
public:
  delete_question(const std::vector<records_to_delete>& asked, milliseconds timeout) : timeout_(timeout) {
    for (const auto& one : asked) {
      outcomes.push_back({one.where, {}});
      before_.push_back(one.before_offset);
    }
  }
  void fill(rpc_request& request, const std::vector<located_partition>& group) override {
    auto* body = request.header.mutable_delete_records();
    body->set_timeout_ms(static_cast<std::uint32_t>(timeout_.count() * 3 / 4));
    for (const auto& one : group) {
      auto* partition = body->add_partitions();
      to_wire(one.topic_id, *partition->mutable_topic_id());
      partition->set_partition(one.partition);
      partition->set_before_offset(before_[one.index]);
    }
  }
  std::optional<result<void>> take(const native::ResponseHeader& response, int i, std::size_t index) override {
    if (i >= response.delete_records().partitions_size())
      return std::nullopt;
    const auto& told = response.delete_records().partitions(i);
    outcomes[index].log_start_offset = told.log_start_offset();
    return to_result(told.error());
  }
  void fail(std::size_t index, const error& why) override { outcomes[index].log_start_offset = tl::unexpected(why); }

  std::vector<deleted_records> outcomes;

private:
  milliseconds timeout_;
  std::vector<std::int64_t> before_;
};

asio::awaitable<result<std::vector<deleted_records>>> delete_records_on(std::shared_ptr<core> on, std::vector<records_to_delete> asked) {
  auto timeout = on->config().request_timeout;
  delete_question question{asked, timeout};
  std::vector<topic_partition> about;
  about.reserve(asked.size());
  for (auto& one : asked)
    about.push_back(std::move(one.where));
  co_await ask_leaders(std::move(on), std::move(about), steady_clock::now() + timeout, question);
  co_return std::move(question.outcomes);
}

asio::awaitable<result<cluster_description>> describe_cluster_on(std::shared_ptr<core> on) {
  auto deadline = steady_clock::now() + on->config().request_timeout;
  auto refreshed = co_await on->want_topics_and_wait({}, deadline, true);
  if (!refreshed)
    co_return tl::unexpected(refreshed.error());
  co_return on->description();
}

asio::awaitable<result<std::vector<broker_description>>> describe_brokers_on(std::shared_ptr<core> on) {
  native::RequestHeader header;
  header.mutable_describe_brokers();
  const auto answer = co_await call(std::move(on), std::move(header), call_kind::question);
  if (!answer)
    co_return tl::unexpected(answer.error());
  std::vector<broker_description> all;
  for (const auto& one : answer->describe_brokers().brokers()) {
    const auto& node = one.broker();
    all.push_back({{node.node_id(), node.host(), static_cast<std::uint16_t>(node.port()), node.rack()},
                   one.fenced(),
                   one.in_controlled_shutdown(),
                   one.broker_epoch()});
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return a.node.id < b.node.id; });
  co_return all;
}

asio::awaitable<result<std::vector<election_outcome>>> elect_leaders_on(std::shared_ptr<core> on, election_kind kind,
                                                                        std::vector<topic_partition> partitions) {
  native::RequestHeader header;
  header.mutable_elect_leaders()->set_type(static_cast<std::int32_t>(kind));
  for (auto& one : partitions) {
    auto* partition = header.mutable_elect_leaders()->add_partitions();
    partition->set_topic(std::move(one.topic));
    partition->set_partition(one.partition);
  }
  const auto answer = co_await call(std::move(on), std::move(header), call_kind::change);
  if (!answer)
    co_return tl::unexpected(answer.error());
  std::vector<election_outcome> all;
  for (const auto& one : answer->elect_leaders().outcomes())
    all.push_back({{one.topic(), one.partition()}, to_result(one.error())});
  co_return all;
}

template <class Replicas>
std::vector<quorum_description::replica> quorum_replicas_of(const Replicas& from) {
  std::vector<quorum_description::replica> all;
  for (const auto& one : from)
    all.push_back({one.node_id(), from_wire(one.directory_id()), one.log_end_offset(), one.last_fetch_ms(), one.last_caught_up_ms(),
                   one.host(), static_cast<std::uint16_t>(one.port())});
  return all;
}

asio::awaitable<result<quorum_description>> describe_quorum_on(std::shared_ptr<core> on) {
  native::RequestHeader header;
  header.mutable_describe_quorum();
  const auto answer = co_await call(std::move(on), std::move(header), call_kind::question);
  if (!answer)
    co_return tl::unexpected(answer.error());
  const auto& told = answer->describe_quorum();
  co_return quorum_description{told.leader_id(), told.leader_epoch(), told.high_watermark(), quorum_replicas_of(told.voters()),
                               quorum_replicas_of(told.observers())};
}

// One node's, into `all`.
asio::awaitable<result<void>> describe_log_dirs_of(std::shared_ptr<core> on, node_id node, steady_clock::time_point deadline,
                                                   std::vector<log_directory>& all) {
  rpc_request request;
  request.header.mutable_describe_log_dirs();
  request.timeout = std::max(milliseconds{1}, std::chrono::ceil<milliseconds>(deadline - steady_clock::now()));
  const auto answer = co_await on->call_and_wait(node, std::move(request));
  if (!answer)
    co_return tl::unexpected<error>(answer.error());
  if (answer->header.error().code() != 0)
    co_return tl::unexpected(to_error(answer->header.error()));
  for (const auto& from : answer->header.describe_log_dirs().directories()) {
    auto& directory = all.emplace_back();
    directory.node = node;
    directory.path = from.path();
    if (from.error().code() != 0)
      directory.state = tl::unexpected(to_error(from.error()));
    directory.total_bytes = from.total_bytes();
    directory.usable_bytes = from.usable_bytes();
    for (const auto& one : from.partitions())
      directory.replicas.push_back({{one.topic(), one.partition()}, one.size_bytes()});
  }
  co_return result<void>{};
}

asio::awaitable<result<std::vector<log_directory>>> describe_log_dirs_on(std::shared_ptr<core> on) {
  const auto deadline = steady_clock::now() + on->config().request_timeout;
  auto known = co_await on->want_topics_and_wait({}, deadline, true);
  if (!known)
    co_return tl::unexpected(known.error());
  std::vector<log_directory> all;
  const auto brokers = on->description().brokers; // a copy: another may come while one is asked
  for (const auto& node : brokers)
    if (auto asked = co_await describe_log_dirs_of(on, node.id, deadline, all); !asked)
      co_return tl::unexpected(error{asked.error().code, "node " + std::to_string(node.id) + ": " + asked.error().detail});
  co_return all;
}

} // namespace

admin::admin(const cluster& where) : core_(where.shared_core()) {}

void admin::start_create_topics(const shared& on, std::vector<new_topic> topics, bool validate_only,
                                completion<std::vector<topic_outcome>> handler) {
  run_operation<std::vector<topic_outcome>>(on, create_topics_on(on, std::move(topics), validate_only), std::move(handler));
}
void admin::start_delete_topics(const shared& on, std::vector<std::string> names, completion<std::vector<topic_outcome>> handler) {
  run_operation<std::vector<topic_outcome>>(on, delete_topics_on(on, std::move(names)), std::move(handler));
}
void admin::start_create_partitions(const shared& on, std::vector<new_partitions> topics, bool validate_only,
                                    completion<std::vector<topic_outcome>> handler) {
  run_operation<std::vector<topic_outcome>>(on, create_partitions_on(on, std::move(topics), validate_only), std::move(handler));
}
void admin::start_list_topics(const shared& on, completion<std::vector<topic_description>> handler) {
  run_operation<std::vector<topic_description>>(on, list_topics_on(on), std::move(handler));
}
void admin::start_describe_topics(const shared& on, std::vector<std::string> names, completion<std::vector<topic_details>> handler) {
  run_operation<std::vector<topic_details>>(on, describe_topics_on(on, std::move(names)), std::move(handler));
}
void admin::start_alter_configs(const shared& on, std::vector<config_alteration> alterations, bool validate_only,
                                completion<std::vector<config_outcome>> handler) {
  run_operation<std::vector<config_outcome>>(on, alter_configs_on(on, std::move(alterations), validate_only), std::move(handler));
}
void admin::start_describe_configs(const shared& on, std::vector<config_resource> resources,
                                   completion<std::vector<config_description>> handler) {
  run_operation<std::vector<config_description>>(on, describe_configs_on(on, std::move(resources)), std::move(handler));
}
void admin::start_list_offsets(const shared& on, std::vector<offset_query> queries, isolation level,
                               completion<std::vector<offset_outcome>> handler) {
  run_operation<std::vector<offset_outcome>>(on, list_offsets_on(on, std::move(queries), level), std::move(handler));
}
void admin::start_delete_records(const shared& on, std::vector<records_to_delete> partitions,
                                 completion<std::vector<deleted_records>> handler) {
  run_operation<std::vector<deleted_records>>(on, delete_records_on(on, std::move(partitions)), std::move(handler));
}
void admin::start_describe_log_dirs(const shared& on, completion<std::vector<log_directory>> handler) {
  run_operation<std::vector<log_directory>>(on, describe_log_dirs_on(on), std::move(handler));
}
void admin::start_describe_cluster(const shared& on, completion<cluster_description> handler) {
  run_operation<cluster_description>(on, describe_cluster_on(on), std::move(handler));
}
void admin::start_describe_brokers(const shared& on, completion<std::vector<broker_description>> handler) {
  run_operation<std::vector<broker_description>>(on, describe_brokers_on(on), std::move(handler));
}
void admin::start_elect_leaders(const shared& on, election_kind kind, std::vector<topic_partition> partitions,
                                completion<std::vector<election_outcome>> handler) {
  run_operation<std::vector<election_outcome>>(on, elect_leaders_on(on, kind, std::move(partitions)), std::move(handler));
}
void admin::start_describe_quorum(const shared& on, completion<quorum_description> handler) {
  run_operation<quorum_description>(on, describe_quorum_on(on), std::move(handler));
}
void admin::start_describe_nodes(const shared& on, std::vector<node_id> nodes, completion<std::vector<node_description>> handler) {
  run_operation<std::vector<node_description>>(on, describe_nodes_on(on, std::move(nodes)), std::move(handler));
}
void admin::start_describe_apis(const shared& on, std::vector<node_id> nodes, completion<std::vector<node_apis>> handler) {
  run_operation<std::vector<node_apis>>(on, describe_apis_on(on, std::move(nodes)), std::move(handler));
}

result<std::vector<topic_outcome>> admin::create_topics(std::vector<new_topic> topics, bool validate_only) {
  return block_on<std::vector<topic_outcome>>(
      *core_, [&](auto handler) { start_create_topics(core_, std::move(topics), validate_only, std::move(handler)); });
}
result<std::vector<topic_outcome>> admin::delete_topics(std::vector<std::string> names) {
  return block_on<std::vector<topic_outcome>>(*core_,
                                              [&](auto handler) { start_delete_topics(core_, std::move(names), std::move(handler)); });
}
result<std::vector<topic_outcome>> admin::create_partitions(std::vector<new_partitions> topics, bool validate_only) {
  return block_on<std::vector<topic_outcome>>(
      *core_, [&](auto handler) { start_create_partitions(core_, std::move(topics), validate_only, std::move(handler)); });
}
result<std::vector<topic_description>> admin::list_topics() {
  return block_on<std::vector<topic_description>>(*core_, [&](auto handler) { start_list_topics(core_, std::move(handler)); });
}
result<std::vector<topic_details>> admin::describe_topics(std::vector<std::string> names) {
  return block_on<std::vector<topic_details>>(*core_,
                                              [&](auto handler) { start_describe_topics(core_, std::move(names), std::move(handler)); });
}
result<std::vector<config_outcome>> admin::alter_configs(std::vector<config_alteration> alterations, bool validate_only) {
  return block_on<std::vector<config_outcome>>(
      *core_, [&](auto handler) { start_alter_configs(core_, std::move(alterations), validate_only, std::move(handler)); });
}
result<std::vector<config_description>> admin::describe_configs(std::vector<config_resource> resources) {
  return block_on<std::vector<config_description>>(
      *core_, [&](auto handler) { start_describe_configs(core_, std::move(resources), std::move(handler)); });
}
result<std::vector<offset_outcome>> admin::list_offsets(std::vector<offset_query> queries, isolation level) {
  return block_on<std::vector<offset_outcome>>(
      *core_, [&](auto handler) { start_list_offsets(core_, std::move(queries), level, std::move(handler)); });
}
result<std::vector<deleted_records>> admin::delete_records(std::vector<records_to_delete> partitions) {
  return block_on<std::vector<deleted_records>>(
      *core_, [&](auto handler) { start_delete_records(core_, std::move(partitions), std::move(handler)); });
}
result<std::vector<log_directory>> admin::describe_log_dirs() {
  return block_on<std::vector<log_directory>>(*core_, [&](auto handler) { start_describe_log_dirs(core_, std::move(handler)); });
}
result<cluster_description> admin::describe_cluster() {
  return block_on<cluster_description>(*core_, [&](auto handler) { start_describe_cluster(core_, std::move(handler)); });
}
result<std::vector<broker_description>> admin::describe_brokers() {
  return block_on<std::vector<broker_description>>(*core_, [&](auto handler) { start_describe_brokers(core_, std::move(handler)); });
}
result<std::vector<election_outcome>> admin::elect_leaders(election_kind kind, std::vector<topic_partition> partitions) {
  return block_on<std::vector<election_outcome>>(
      *core_, [&](auto handler) { start_elect_leaders(core_, kind, std::move(partitions), std::move(handler)); });
}
result<quorum_description> admin::describe_quorum() {
  return block_on<quorum_description>(*core_, [&](auto handler) { start_describe_quorum(core_, std::move(handler)); });
}
result<std::vector<node_description>> admin::describe_nodes(std::vector<node_id> nodes) {
  return block_on<std::vector<node_description>>(*core_,
                                                 [&](auto handler) { start_describe_nodes(core_, std::move(nodes), std::move(handler)); });
}
result<std::vector<node_apis>> admin::describe_apis(std::vector<node_id> nodes) {
  return block_on<std::vector<node_apis>>(*core_, [&](auto handler) { start_describe_apis(core_, std::move(nodes), std::move(handler)); });
}

} // namespace cafka::client
