#include "base/error.hpp"

namespace cafka {

namespace {
struct row {
  errc code;
  std::string_view name;
  errc wire;
  bool retriable;
};
constexpr auto self = errc::none; // in column `wire`: the code is its own

constexpr row rows[] = {
    {errc::unknown_server_error, "UNKNOWN_SERVER_ERROR", errc::unknown_server_error, false},
    {errc::none, "NONE", self, false},
    {errc::offset_out_of_range, "OFFSET_OUT_OF_RANGE", self, false},
    {errc::corrupt_message, "CORRUPT_MESSAGE", self, true},
    {errc::unknown_topic_or_partition, "UNKNOWN_TOPIC_OR_PARTITION", self, true},
    {errc::leader_not_available, "LEADER_NOT_AVAILABLE", self, true},
    {errc::not_leader_or_follower, "NOT_LEADER_OR_FOLLOWER", self, true},
    {errc::request_timed_out, "REQUEST_TIMED_OUT", self, true},
    {errc::broker_not_available, "BROKER_NOT_AVAILABLE", self, false},
    {errc::replica_not_available, "REPLICA_NOT_AVAILABLE", self, true},
    {errc::message_too_large, "MESSAGE_TOO_LARGE", self, false},
    {errc::network_exception, "NETWORK_EXCEPTION", self, true},
    {errc::coordinator_not_available, "COORDINATOR_NOT_AVAILABLE", self, true},
    {errc::invalid_topic_exception, "INVALID_TOPIC_EXCEPTION", self, false},
    {errc::record_list_too_large, "RECORD_LIST_TOO_LARGE", self, false},
    {errc::not_enough_replicas, "NOT_ENOUGH_REPLICAS", self, true},
    {errc::not_enough_replicas_after_append, "NOT_ENOUGH_REPLICAS_AFTER_APPEND", self, true},
    {errc::invalid_required_acks, "INVALID_REQUIRED_ACKS", self, false},
    {errc::invalid_timestamp, "INVALID_TIMESTAMP", self, false},
    {errc::unsupported_version, "UNSUPPORTED_VERSION", self, false},
    {errc::topic_already_exists, "TOPIC_ALREADY_EXISTS", self, false},
    {errc::invalid_partitions, "INVALID_PARTITIONS", self, false},
    {errc::invalid_replication_factor, "INVALID_REPLICATION_FACTOR", self, false},
    {errc::invalid_replica_assignment, "INVALID_REPLICA_ASSIGNMENT", self, false},
    {errc::invalid_config, "INVALID_CONFIG", self, false},
    {errc::not_controller, "NOT_CONTROLLER", self, true},
    {errc::invalid_request, "INVALID_REQUEST", self, false},
    {errc::unsupported_for_message_format, "UNSUPPORTED_FOR_MESSAGE_FORMAT", self, false},
    {errc::policy_violation, "POLICY_VIOLATION", self, false},
    {errc::out_of_order_sequence_number, "OUT_OF_ORDER_SEQUENCE_NUMBER", self, false},
    {errc::duplicate_sequence_number, "DUPLICATE_SEQUENCE_NUMBER", self, false},
    {errc::invalid_producer_epoch, "INVALID_PRODUCER_EPOCH", self, false},
    {errc::invalid_txn_state, "INVALID_TXN_STATE", self, false},
    {errc::transactional_id_authorization_failed, "TRANSACTIONAL_ID_AUTHORIZATION_FAILED", self, false},
    {errc::kafka_storage_error, "KAFKA_STORAGE_ERROR", self, true},
    {errc::log_dir_not_found, "LOG_DIR_NOT_FOUND", self, false},
    {errc::unknown_producer_id, "UNKNOWN_PRODUCER_ID", self, false},
    {errc::fetch_session_id_not_found, "FETCH_SESSION_ID_NOT_FOUND", self, true},
    {errc::invalid_fetch_session_epoch, "INVALID_FETCH_SESSION_EPOCH", self, true},
    {errc::topic_deletion_disabled, "TOPIC_DELETION_DISABLED", self, false},
    {errc::fenced_leader_epoch, "FENCED_LEADER_EPOCH", self, true},
    {errc::unknown_leader_epoch, "UNKNOWN_LEADER_EPOCH", self, true},
    {errc::unsupported_compression_type, "UNSUPPORTED_COMPRESSION_TYPE", self, false},
    {errc::stale_broker_epoch, "STALE_BROKER_EPOCH", self, false},
    {errc::offset_not_available, "OFFSET_NOT_AVAILABLE", self, true},
    {errc::preferred_leader_not_available, "PREFERRED_LEADER_NOT_AVAILABLE", self, true},
    {errc::eligible_leaders_not_available, "ELIGIBLE_LEADERS_NOT_AVAILABLE", self, true},
    {errc::election_not_needed, "ELECTION_NOT_NEEDED", self, true},
    {errc::throttling_quota_exceeded, "THROTTLING_QUOTA_EXCEEDED", self, true},
    {errc::invalid_update_version, "INVALID_UPDATE_VERSION", self, false},
    {errc::invalid_record, "INVALID_RECORD", self, false},
    {errc::unknown_topic_id, "UNKNOWN_TOPIC_ID", self, true},
    {errc::duplicate_broker_registration, "DUPLICATE_BROKER_REGISTRATION", self, false},
    {errc::broker_id_not_registered, "BROKER_ID_NOT_REGISTERED", self, false},
    {errc::inconsistent_cluster_id, "INCONSISTENT_CLUSTER_ID", self, false},
    {errc::ineligible_replica, "INELIGIBLE_REPLICA", self, false},
    {errc::inconsistent_topic_id, "INCONSISTENT_TOPIC_ID", self, true},
    {errc::fetch_session_topic_id_error, "FETCH_SESSION_TOPIC_ID_ERROR", self, true},
    {errc::mismatched_endpoint_type, "MISMATCHED_ENDPOINT_TYPE", self, false},
    {errc::unsupported_endpoint_type, "UNSUPPORTED_ENDPOINT_TYPE", self, false},
    {errc::io_error, "io_error", errc::kafka_storage_error, true},
    {errc::no_space, "no_space", errc::kafka_storage_error, true},
    {errc::not_found, "not_found", errc::unknown_server_error, false},
    {errc::already_locked, "already_locked", errc::unknown_server_error, false},
    {errc::bad_format, "bad_format", errc::corrupt_message, false},
    {errc::quarantined, "quarantined", errc::kafka_storage_error, true},
    {errc::log_dir_offline, "log_dir_offline", errc::kafka_storage_error, true},
    {errc::shutting_down, "shutting_down", errc::not_leader_or_follower, true},
    {errc::too_many_requests, "too_many_requests", errc::throttling_quota_exceeded, true},
    {errc::cancelled, "cancelled", errc::unknown_server_error, false},
    {errc::connection_closed, "connection_closed", errc::network_exception, true},
    {errc::bad_argument, "bad_argument", errc::invalid_request, false},
    {errc::too_many_files, "too_many_files", errc::kafka_storage_error, true},
};

const row* find(errc code) noexcept {
  for (const auto& r : rows)
    if (r.code == code)
      return &r;
  return nullptr;
}
} // namespace

std::string_view to_string(errc code) noexcept {
  const auto* r = find(code);
  return r ? r->name : "UNKNOWN_ERROR_CODE";
}

errc to_wire(errc code) noexcept {
  const auto* r = find(code);
  if (!r)
    return errc::unknown_server_error;
  return r->wire == self ? code : r->wire;
}

bool is_retriable(errc code) noexcept {
  const auto* r = find(code);
  return r && r->retriable;
}

std::string error::to_string() const {
  std::string text{cafka::to_string(code)};
  if (!detail.empty())
    text += ": " + detail;
  return text;
}

} // namespace cafka
