// Requests about topics, brokers, configs and the APIs of Kafka: what the image answers on the spot, and what goes to the controller.
#include "net/endpoints.hpp"
#include "net/gather.hpp"
#include "net/kafka/versions.hpp"
#include "net/native/wire.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

namespace cafka::net::native {

namespace {

using metadata::topic_image;

template <class Field>
void set_nodes(Field& to, const std::vector<node_id>& nodes) {
  to.Assign(nodes.begin(), nodes.end());
}

void describe_topic(wire::TopicMetadata& to, const topic_image& topic) {
  to.set_name(topic.name);
  set_uuid(*to.mutable_topic_id(), topic.id);
  to.set_internal(topic.name.starts_with("__"));
  to.mutable_partitions()->Reserve(static_cast<int>(topic.partitions.size()));
  for (const auto& [number, partition] : topic.partitions) {
    auto& each = *to.add_partitions();
    each.set_partition(number);
    each.set_leader(partition.leader);
    each.set_leader_epoch(partition.leader_epoch);
    set_nodes(*each.mutable_replicas(), partition.replicas);
    set_nodes(*each.mutable_isr(), partition.isr);
    set_nodes(*each.mutable_elr(), partition.elr);
    set_nodes(*each.mutable_last_known_elr(), partition.last_known_elr);
    if (partition.leader == no_node)
      set_error(each, errc::leader_not_available, {});
  }
}

std::int32_t min_insync_replicas_of(const std::vector<metadata::config_entry>& entries) {
  std::int32_t number = 0;
  const auto found = std::ranges::find(entries, "min.insync.replicas", &metadata::config_entry::key);
  if (found != entries.end() && found->value)
    std::from_chars(found->value->data(), found->value->data() + found->value->size(), number);
  return number;
}

void describe_unknown(wire::TopicMetadata& to, const std::string& name) {
  to.set_name(name);
  set_error(to, errc::unknown_topic_or_partition, "there is no topic " + name);
}

std::vector<std::vector<node_id>> assignment_of(const google::protobuf::RepeatedPtrField<wire::ReplicaList>& from) {
  std::vector<std::vector<node_id>> assignment;
  for (const auto& each : from)
    assignment.emplace_back(each.nodes().begin(), each.nodes().end());
  return assignment;
}

// On the wire 0 asks for the server's default; in the node −1 does, and 0 or less than −1 is for the controller to refuse.
std::int32_t or_default(std::int32_t asked) { return asked == 0 ? -1 : std::max(asked, 0); }

template <class Response>
void set_outcomes(Response& to, std::vector<metadata::topic_outcome> outcomes) {
  for (auto& outcome : outcomes) {
    auto& each = *to.add_topics();
    each.set_name(std::move(outcome.name));
    set_uuid(*each.mutable_topic_id(), outcome.topic_id);
    set_error(each, outcome.code, std::move(outcome.message));
    each.set_partition_count(outcome.partition_count);
    each.set_replication_factor(outcome.replication_factor);
  }
}

std::optional<metadata::config_key> config_key_of(const wire::ConfigResource& from) {
  using metadata::config_resource;
  if (from.type() != static_cast<int>(config_resource::topic) && from.type() != static_cast<int>(config_resource::broker))
    return std::nullopt;
  return metadata::config_key{static_cast<config_resource>(from.type()), from.name()};
}

void set_resource(wire::ConfigResource& to, const metadata::config_key& from) {
  to.set_type(static_cast<int>(from.type));
  to.set_name(from.name);
}

} // namespace

// ---- answered from the image ----

void native_session::metadata(const request_header& request, const call& to) {
  const auto& asked = request.metadata();
  std::vector<std::string> topics{asked.topics().begin(), asked.topics().end()};
  if (with_.node.is_settled())
    return describe_leaders(to, asked.all_topics(), topics);
  with_.node.when_settled(when_done<void>(
      [this, to, all = asked.all_topics(), topics = std::move(topics)](const result<void>&) { describe_leaders(to, all, topics); }));
}

void native_session::describe_leaders(const call& to, bool all_topics, const std::vector<std::string>& topics) {
  const auto image = with_.node.image();
  reply(to, [&](wire::ResponseHeader& header) {
    auto& response = *header.mutable_metadata();
    response.set_cluster_id(with_.node.describe_node().cluster_id);
    response.set_controller_id(with_.node.controller_id());
    for (const auto& [id, broker] : image->brokers()) {
      const auto* address = endpoint_for(broker, host().listener_name());
      if (broker.fenced || address == nullptr)
        continue;
      auto& each = *response.add_brokers();
      each.set_node_id(id);
      each.set_host(address->host);
      each.set_port(address->port);
      each.set_rack(broker.rack);
    }
    if (all_topics)
      for (const auto& [name, topic] : image->topics())
        describe_topic(*response.add_topics(), *topic);
    else
      for (const auto& name : topics) {
        if (const auto* topic = image->find_topic(name))
          describe_topic(*response.add_topics(), *topic);
        else
          describe_unknown(*response.add_topics(), name);
      }
  });
}

void native_session::describe_topics(const request_header& request, const call& to) {
  const auto& asked = request.describe_topics();
  const auto image = with_.node.image();
  reply(to, [&](wire::ResponseHeader& header) {
    auto& response = *header.mutable_describe_topics();
    auto describe = [&](const topic_image& topic) {
      auto& each = *response.add_topics();
      describe_topic(*each.mutable_topic(), topic);
      const auto& configs = image->configs(metadata::config_resource::topic, topic.name);
      for (const auto& [name, value] : configs) {
        auto& config = *each.add_configs();
        config.set_name(name);
        config.set_value(value);
      }
      each.set_min_insync_replicas(min_insync_replicas_of(with_.node.topic_configs(configs)));
    };
    if (asked.topics().empty())
      for (const auto& [name, topic] : image->topics())
        describe(*topic);
    else
      for (const auto& name : asked.topics()) {
        if (const auto* topic = image->find_topic(name))
          describe(*topic);
        else
          describe_unknown(*response.add_topics()->mutable_topic(), name);
      }
  });
}

// ---- decided by the controller ----

void native_session::create_topics(const request_header& request, const call& to) {
  const auto& asked = request.create_topics();
  std::vector<metadata::new_topic> topics;
  for (const auto& each : asked.topics()) {
    auto& topic = topics.emplace_back();
    topic.name = each.name();
    topic.partition_count = or_default(each.partition_count());
    topic.replication_factor =
        static_cast<std::int16_t>(std::min<std::int32_t>(or_default(each.replication_factor()), std::numeric_limits<std::int16_t>::max()));
    topic.assignment = assignment_of(each.assignment());
    for (const auto& config : each.configs())
      topic.configs.insert_or_assign(config.name(), config.value());
  }
  with_.node.create_topics(
      std::move(topics), asked.validate_only(),
      when_done<std::vector<metadata::topic_outcome>>([this, to](result<std::vector<metadata::topic_outcome>> outcomes) {
        if (!outcomes)
          return reply_error(to, outcomes.error().code, outcomes.error().detail);
        reply(to, [&](wire::ResponseHeader& header) { set_outcomes(*header.mutable_create_topics(), std::move(*outcomes)); });
      }));
}

void native_session::delete_topics(const request_header& request, const call& to) {
  const auto& asked = request.delete_topics();
  std::vector<metadata::topic_ref> topics;
  for (const auto& name : asked.topics())
    topics.push_back({name, {}});
  for (const auto& id : asked.topic_ids())
    topics.push_back({{}, to_uuid(id)});
  with_.node.delete_topics(
      std::move(topics), when_done<std::vector<metadata::topic_outcome>>([this, to](result<std::vector<metadata::topic_outcome>> outcomes) {
        if (!outcomes)
          return reply_error(to, outcomes.error().code, outcomes.error().detail);
        reply(to, [&](wire::ResponseHeader& header) { set_outcomes(*header.mutable_delete_topics(), std::move(*outcomes)); });
      }));
}

void native_session::create_partitions(const request_header& request, const call& to) {
  const auto& asked = request.create_partitions();
  std::vector<metadata::new_partitions> topics;
  for (const auto& each : asked.topics())
    topics.push_back({each.topic(), each.total_count(), assignment_of(each.assignment())});
  with_.node.create_partitions(
      std::move(topics), asked.validate_only(),
      when_done<std::vector<metadata::topic_outcome>>([this, to](result<std::vector<metadata::topic_outcome>> outcomes) {
        if (!outcomes)
          return reply_error(to, outcomes.error().code, outcomes.error().detail);
        reply(to, [&](wire::ResponseHeader& header) { set_outcomes(*header.mutable_create_partitions(), std::move(*outcomes)); });
      }));
}

void native_session::alter_configs(const request_header& request, const call& to) {
  const auto& asked = request.alter_configs();
  std::vector<metadata::alter_config> changes;
  for (const auto& each : asked.resources()) {
    const auto key = config_key_of(each.resource());
    if (!key)
      return reply_error(to, errc::invalid_request,
                         "resource type " + std::to_string(each.resource().type()) + " is neither 2 (topic) nor 4 (broker)");
    auto& alter = changes.emplace_back();
    alter.resource = *key;
    for (const auto& change : each.changes()) {
      if (change.operation() < 0 || change.operation() > 3)
        return reply_error(to, errc::invalid_request,
                           "operation " + std::to_string(change.operation()) + " on " + change.key() + " is not one of 0 to 3");
      const auto operation = static_cast<metadata::config_operation>(change.operation());
      const bool has_value = operation != metadata::config_operation::remove;
      alter.changes.push_back({change.key(), operation, has_value ? std::optional(change.value()) : std::nullopt});
    }
  }
  with_.node.alter_configs(
      std::move(changes), asked.validate_only(),
      when_done<std::vector<metadata::config_outcome>>([this, to](result<std::vector<metadata::config_outcome>> outcomes) {
        if (!outcomes)
          return reply_error(to, outcomes.error().code, outcomes.error().detail);
        reply(to, [&](wire::ResponseHeader& header) {
          auto& response = *header.mutable_alter_configs();
          for (auto& outcome : *outcomes) {
            auto& each = *response.add_outcomes();
            set_resource(*each.mutable_resource(), outcome.resource);
            set_error(each, outcome.code, std::move(outcome.message));
          }
        });
      }));
}

void native_session::describe_configs(const request_header& request, const call& to) {
  const auto& asked = request.describe_configs();
  if (asked.resources_size() > max_partitions_per_request)
    return reply_error(to, errc::invalid_request, std::to_string(asked.resources_size()) + " resources in one request");
  std::vector<wire::ConfigResource> resources(asked.resources().begin(), asked.resources().end());
  auto self = std::static_pointer_cast<native_session>(shared_from_this());
  auto finish = [self, to, resources](std::vector<result<std::vector<metadata::config_entry>>> answers) {
    self->enter([&] {
      self->reply(to, [&](wire::ResponseHeader& header) {
        auto& response = *header.mutable_describe_configs();
        for (std::size_t i = 0; i < answers.size(); ++i) {
          auto& each = *response.add_resources();
          *each.mutable_resource() = resources[i];
          if (!answers[i]) {
            set_error(each, answers[i].error());
            continue;
          }
          for (auto& entry : *answers[i]) {
            auto& shown = *each.add_entries();
            shown.set_key(std::move(entry.key));
            if (entry.value)
              shown.set_value(std::move(*entry.value));
            shown.set_source(static_cast<int>(entry.source));
            shown.set_read_only(entry.read_only);
            shown.set_sensitive(entry.sensitive);
            shown.set_type(std::move(entry.type));
            shown.set_documentation(std::move(entry.documentation));
          }
        }
      });
    });
  };
  auto answers = std::make_shared<gather<std::vector<metadata::config_entry>>>(loop(), resources.size(), std::move(finish));
  for (std::size_t i = 0; i < resources.size(); ++i) {
    if (auto key = config_key_of(resources[i]))
      with_.node.describe_configs(std::move(*key), answers->slot(i));
    else
      answers->answer(
          i, fail(errc::invalid_request, "resource type " + std::to_string(resources[i].type()) + " is neither 2 (topic) nor 4 (broker)"));
  }
  answers->close();
}

void native_session::describe_log_dirs(const call& to) {
  using descriptions = std::vector<log_dir_description>;
  with_.node.describe_log_dirs(when_done<descriptions>([this, to](const result<descriptions>& directories) {
    reply(to, [&](wire::ResponseHeader& header) {
      if (!directories)
        return set_error(header, directories.error());
      for (const auto& each : *directories) {
        auto& directory = *header.mutable_describe_log_dirs()->add_directories();
        directory.set_path(each.path);
        if (each.code != errc::none)
          set_error(directory, each.code, "the directory is offline");
        directory.set_total_bytes(each.total_bytes);
        directory.set_usable_bytes(each.usable_bytes);
        for (const auto& one : each.partitions) {
          auto& partition = *directory.add_partitions();
          partition.set_topic(one.name.topic);
          partition.set_partition(one.name.partition);
          partition.set_size_bytes(one.size_bytes);
        }
      }
    });
  }));
}

void native_session::describe_apis(const call& to) {
  const auto image = with_.node.image();
  const auto served = kafka::served_versions(*image);
  reply(to, [&](wire::ResponseHeader& header) {
    auto& response = *header.mutable_describe_apis();
    for (const auto& each : served.api_keys) {
      auto& api = *response.add_apis();
      api.set_key(each.api_key);
      api.set_name(std::string(kafka::name_of_api(each.api_key)));
      api.set_min_version(each.min_version);
      api.set_max_version(each.max_version);
    }
    for (const auto& each : served.finalized_features) {
      auto& feature = *response.add_finalized_features();
      feature.set_name(each.name);
      feature.set_level(each.max_version_level);
    }
    response.set_finalized_features_epoch(served.finalized_features_epoch);
  });
}

} // namespace cafka::net::native
