// Gives a producer its id and epoch. Version 6, still unstable in Kafka 4.3, is left out.
#pragma once
#include "base/codec/codec.hpp"

namespace cafka::net::kafka {

struct init_producer_id_request {
  std::optional<std::string_view> transactional_id = std::string_view{};
  std::int32_t transaction_timeout_ms = 0;
  std::int64_t producer_id = -1;
  std::int16_t producer_epoch = -1;
  static constexpr codec::message_info info{.name = "InitProducerIdRequest", .api_key = 22, .valid = {0, 5}, .flexible = {2}};
  static constexpr void describe(auto& v) {
    v.field("TransactionalId", &init_producer_id_request::transactional_id, codec::since(0).or_null());
    v.field("TransactionTimeoutMs", &init_producer_id_request::transaction_timeout_ms, codec::since(0));
    v.field("ProducerId", &init_producer_id_request::producer_id, codec::since(3));
    v.field("ProducerEpoch", &init_producer_id_request::producer_epoch, codec::since(3));
  }
  bool operator==(const init_producer_id_request&) const = default;
};

struct init_producer_id_response {
  std::int32_t throttle_time_ms = 0;
  std::int16_t error_code = 0;
  std::int64_t producer_id = -1;
  std::int16_t producer_epoch = 0;
  static constexpr codec::message_info info{.name = "InitProducerIdResponse", .api_key = 22, .valid = {0, 5}, .flexible = {2}};
  static constexpr void describe(auto& v) {
    v.field("ThrottleTimeMs", &init_producer_id_response::throttle_time_ms, codec::since(0));
    v.field("ErrorCode", &init_producer_id_response::error_code, codec::since(0));
    v.field("ProducerId", &init_producer_id_response::producer_id, codec::since(0));
    v.field("ProducerEpoch", &init_producer_id_response::producer_epoch, codec::since(0));
  }
  bool operator==(const init_producer_id_response&) const = default;
};

} // namespace cafka::net::kafka
