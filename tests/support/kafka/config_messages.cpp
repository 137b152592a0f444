#include "net/kafka/messages/alter_configs.hpp"
#include "net/kafka/messages/describe_configs.hpp"
#include "net/kafka/messages/incremental_alter_configs.hpp"
#include "net/kafka/messages/list_config_resources.hpp"
#include "support/kafka/message_access.hpp"

namespace cafka::test {

void add_config_messages(std::vector<kafka_message>& to) {
  using namespace net::kafka;
  add_messages<alter_configs_request, alter_configs_response, describe_configs_request, describe_configs_response,
               incremental_alter_configs_request, incremental_alter_configs_response, list_config_resources_request,
               list_config_resources_response>(to);
}

} // namespace cafka::test
