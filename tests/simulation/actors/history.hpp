// What clients wrote, were told and have read, and what must follow from it (docs/verification.md: R1, R4, R5, R9, C2, C7). A batch is known by its CRC, which
// covers all that a broker does not set; no two writes of a history share one.
#pragma once
#include "net/service.hpp"
#include "simulation/actors/simulation.hpp"
#include "storage/record_batch.hpp"

#include <map>
#include <string>
#include <unordered_map>
#include <vector>

namespace cafka::test {

// A batch as it lies in a log.
struct logged_batch {
  std::int64_t base_offset = 0, last_offset = 0;
  std::int32_t leader_epoch = 0;
  std::uint32_t crc = 0;
  std::int64_t producer_id = -1;
  std::int32_t base_sequence = -1, records = 0;
  bool operator==(const logged_batch&) const = default;
};
// Whole, undamaged batches from the front of `bytes`; what follows the last of them is left out.
std::vector<logged_batch> read_batches_of(byte_span bytes);

class history {
public:
  history(simulation& of, std::size_t partitions) : sim_(of), partitions_(partitions) {}

  // False: its CRC is taken, the client writes something else.
  bool begin_write(std::size_t partition, std::uint32_t crc);
  void acked(std::size_t partition, std::uint32_t crc, const net::produce_outcome& outcome);
  void refused(std::size_t partition, std::uint32_t crc); // at every attempt: certainly not written
  // A node that serves as leader of that epoch.
  void serves(std::size_t partition, std::int32_t leader_epoch, node_id who);
  // Of those that have answered; no_node: none yet.
  [[nodiscard]] node_id newest_leader(std::size_t partition) const;
  void read(std::size_t partition, const std::vector<logged_batch>& batches, std::int64_t from, const net::fetch_outcome& outcome);
  // A log that must have all that was acknowledged or read in earlier leader epochs: of who was elected in that one, before it follows anybody.
  void check_leader(std::size_t partition, std::int32_t leader_epoch, const std::vector<logged_batch>& log, const std::string& whose);
  // Of a healed cluster: every replica's.
  void check_replica(std::size_t partition, const std::vector<logged_batch>& log, const std::string& whose);

  [[nodiscard]] std::size_t acked_count() const noexcept { return acked_; }
  [[nodiscard]] std::size_t read_count() const noexcept { return read_; }

private:
  struct written {
    bool is_refused = false;
    std::int64_t acked_at = -1; // base offset; −1: not acknowledged
  };
  struct acknowledged {
    std::uint32_t crc = 0;
    std::int32_t leader_epoch = 0; // of who did
  };
  struct partition_history {
    std::unordered_map<std::uint32_t, written> writes; // by crc
    std::map<std::int64_t, acknowledged> acked; // by base offset
    std::map<std::int64_t, logged_batch> committed; // as read, by base offset
    std::map<std::int64_t, std::int32_t> read_in; // the leader epoch in which it was read first, by base offset
    std::map<std::int32_t, node_id> leader_of_epoch;
  };
  // What is true of any log, all of it written by clients.
  void check_log(std::size_t partition, const std::vector<logged_batch>& log, const std::string& whose);
  void know_committed(std::size_t partition, const logged_batch& batch, const char* by);

  simulation& sim_;
  std::vector<partition_history> partitions_;
  std::size_t acked_ = 0, read_ = 0;
};

} // namespace cafka::test
