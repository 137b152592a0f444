// Errors: a code that a client or an operator can act on, and a sentence with the numbers in it.
// `errc` carries Kafka's numeric codes; causes that only this program knows start at 10000 and are mapped to the wire by to_wire().
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

namespace cafka {

enum class errc : std::int32_t {
  unknown_server_error = -1,
  none = 0,
  offset_out_of_range = 1,
  corrupt_message = 2,
  unknown_topic_or_partition = 3,
  leader_not_available = 5,
  not_leader_or_follower = 6,
  request_timed_out = 7,
  broker_not_available = 8,
  replica_not_available = 9,
  message_too_large = 10,
  network_exception = 13,
  coordinator_not_available = 15,
  invalid_topic_exception = 17,
  record_list_too_large = 18,
  not_enough_replicas = 19,
  not_enough_replicas_after_append = 20,
  invalid_required_acks = 21,
  invalid_timestamp = 32,
  unsupported_version = 35,
  topic_already_exists = 36,
  invalid_partitions = 37,
  invalid_replication_factor = 38,
  invalid_replica_assignment = 39,
  invalid_config = 40,
  not_controller = 41,
  invalid_request = 42,
  unsupported_for_message_format = 43,
  policy_violation = 44,
  out_of_order_sequence_number = 45,
  duplicate_sequence_number = 46,
  invalid_producer_epoch = 47,
  invalid_txn_state = 48,
  transactional_id_authorization_failed = 53,
  kafka_storage_error = 56,
  log_dir_not_found = 57,
  unknown_producer_id = 59,
  fetch_session_id_not_found = 70,
  invalid_fetch_session_epoch = 71,
  topic_deletion_disabled = 73,
  fenced_leader_epoch = 74,
  unknown_leader_epoch = 75,
  unsupported_compression_type = 76,
  stale_broker_epoch = 77,
  offset_not_available = 78,
  preferred_leader_not_available = 80,
  eligible_leaders_not_available = 83,
  election_not_needed = 84,
  throttling_quota_exceeded = 89,
  invalid_update_version = 95,
  invalid_record = 87,
  unknown_topic_id = 100,
  duplicate_broker_registration = 101,
  broker_id_not_registered = 102,
  inconsistent_cluster_id = 104,
  ineligible_replica = 107,
  inconsistent_topic_id = 103,
  fetch_session_topic_id_error = 106,
  mismatched_endpoint_type = 114,
  unsupported_endpoint_type = 115,

  // Internal causes. Each has one row in to_wire().
  io_error = 10000,          // the system refused a read or a write; detail names the call, the path and errno
  no_space = 10001,          // ENOSPC, EDQUOT: not written, the directory stays online for reads
  not_found = 10002,         // no such file
  already_locked = 10003,    // another process holds the data directory
  bad_format = 10004,        // a file's content is not what its name promises
  quarantined = 10005,       // damage below the recovery point: the partition is not served
  log_dir_offline = 10006,   // a failed fsync or an EIO took the directory offline
  shutting_down = 10007,
  too_many_requests = 10008, // a bound on memory or parked requests was reached
  cancelled = 10009,
  connection_closed = 10010,
  bad_argument = 10011,      // command line, config file
  too_many_files = 10012,    // EMFILE, ENFILE
};

// Kafka's name for a code ("CORRUPT_MESSAGE"), or ours ("io_error").
std::string_view to_string(errc code) noexcept;

// The code a client of either protocol sees: Kafka's own codes unchanged, internal ones mapped (io_error → kafka_storage_error, …).
errc to_wire(errc code) noexcept;

// May a client send the same request again and hope? As Kafka's RetriableException.
bool is_retriable(errc code) noexcept;

struct error {
  errc code = errc::unknown_server_error;
  std::string detail;

  // "CORRUPT_MESSAGE: batch at offset 7 has CRC 0x…"
  [[nodiscard]] std::string to_string() const;
  bool operator==(const error&) const = default;
};

template <class T>
using result = tl::expected<T, error>;

inline tl::unexpected<error> fail(errc code, std::string detail = {}) { return tl::unexpected<error>(error{code, std::move(detail)}); }

} // namespace cafka

// Returns the error of an expression of type result<void>.
#define CAFKA_TRY(expression)                                               \
  do {                                                                      \
    if (auto cafka_try_ = (expression); !cafka_try_)                        \
      return tl::unexpected<::cafka::error>(std::move(cafka_try_.error())); \
  } while (false)
// Declares `name` from a result<T>, or returns its error.
#define CAFKA_TRY_ASSIGN(name, expression)                                     \
  auto name##_or_error = (expression);                                         \
  if (!name##_or_error)                                                        \
    return tl::unexpected<::cafka::error>(std::move(name##_or_error.error())); \
  auto name = std::move(*name##_or_error)
