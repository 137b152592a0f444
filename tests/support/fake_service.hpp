// A node for the network tests and fuzz targets: topics in an image, logs in memory files, answers at once or when the test says so.
// Any bytes are a batch and take one offset, so tests can see which bytes came back.
#pragma once
#include "metadata/image_builder.hpp"
#include "net/service.hpp"

#include <deque>
#include <map>
#include <mutex>

namespace cafka::test {

// A file in memory with a descriptor, or (`has_descriptor` false) without one.
class memory_backed_file final : public storage::file {
public:
  explicit memory_backed_file(bool has_descriptor = true);
  ~memory_backed_file() override;
  result<std::size_t> read_at(std::uint64_t position, mutable_byte_span into) const override;
  result<void> append(std::span<const byte_span> parts) override;
  result<void> truncate(std::uint64_t size_bytes) override;
  result<void> sync() override { return {}; }
  result<std::uint64_t> size() const override { return size_bytes_; }
  int native_handle() const noexcept override { return has_descriptor_ ? descriptor_ : -1; }

private:
  const bool has_descriptor_;
  int descriptor_ = -1;
  std::uint64_t size_bytes_ = 0;
};

class fake_service final : public net::service {
public:
  fake_service();

  // Returns the topic's id. Partitions are led by node 1.
  uuid add_topic(const std::string& name, std::int32_t partitions, bool files_have_descriptors = true);
  void add_broker(node_id id, bool fenced);
  // As if produced by somebody: `data_available` goes to who watches.
  void append(topic_id_partition partition, byte_span batch);
  storage::file& file_of(topic_id_partition partition);
  // Answers nothing until release(): what would have been answered is kept.
  void hold_answers();
  // `backwards`: the last question is answered first. Returns how many there were.
  std::size_t release(bool backwards = false);
  [[nodiscard]] std::size_t held() const;
  [[nodiscard]] std::size_t watches() const;
  // Whose frame is still referred to by a produce task that is held.
  void fail_produce_with(errc code) { produce_error_ = code; }
  void throw_on_metadata() { throws_ = true; }

  std::size_t produce_calls = 0, fetch_calls = 0;
  std::vector<topic_id_partition> fetched; // in order of asking
  std::vector<std::int64_t> deadlines;     // of produce
  std::size_t max_outcome_bytes = SIZE_MAX;
  storage::epoch_end epoch_ends; // what is said of every epoch
  [[nodiscard]] std::size_t batches_of(topic_id_partition partition) const { return partitions_.at(partition).batches.size(); }
  // What administrators asked for, and what they are told where the answers above say too little.
  std::vector<metadata::new_topic> created;
  std::vector<metadata::topic_ref> deleted;
  std::vector<metadata::new_partitions> added_partitions;
  std::vector<metadata::alter_config> altered;
  bool asked_to_validate_only = false;
  metadata::election_kind asked_election = metadata::election_kind::preferred;
  result<election::quorum_description> quorum_answer = election::quorum_description{};
  std::optional<result<std::vector<metadata::topic_outcome>>> topic_answer; // to the next request about topics
  std::vector<net::log_dir_description> log_dirs;
  // Just after a broker's end, and until the test says that another leads.
  bool settled = true;
  std::vector<net::completion<void>> waiting_for_leaders;
  std::map<node_id, std::int64_t> fenced_lately; // and on which occasion

  net::node_description describe_node() const override;
  metadata::image_ptr image() const override { return image_; }
  node_id controller_id() const override {
    if (throws_)
      throw std::runtime_error("the fake service was told to throw");
    return 1;
  }
  bool is_settled() const override { return settled; }
  void when_settled(net::completion<void> done) override { waiting_for_leaders.push_back(std::move(done)); }
  std::int64_t lately_fenced(node_id broker) const override { return fenced_lately.contains(broker) ? fenced_lately.at(broker) : 0; }
  void produce(net::produce_task task, std::uint32_t index, std::shared_ptr<net::produce_sink> sink) override;
  void fetch(net::fetch_task task, std::uint32_t index, std::shared_ptr<net::fetch_sink> sink) override;
  void list_offset(topic_id_partition partition, std::int32_t current_leader_epoch, std::int64_t timestamp, net::isolation level,
                   net::completion<storage::timestamp_and_offset> done) override;
  void delete_records(topic_id_partition partition, std::int64_t offset, std::int64_t deadline_monotonic_ms,
                      net::completion<std::int64_t> done) override;
  void end_offset_for_epoch(topic_id_partition partition, std::int32_t current_leader_epoch, std::int32_t leader_epoch,
                            net::completion<storage::epoch_end> done) override;
  void create_topics(std::vector<metadata::new_topic> topics, bool validate_only,
                     net::completion<std::vector<metadata::topic_outcome>> done) override;
  void delete_topics(std::vector<metadata::topic_ref> topics, net::completion<std::vector<metadata::topic_outcome>> done) override;
  void create_partitions(std::vector<metadata::new_partitions> topics, bool validate_only,
                         net::completion<std::vector<metadata::topic_outcome>> done) override;
  void alter_configs(std::vector<metadata::alter_config> changes, bool validate_only,
                     net::completion<std::vector<metadata::config_outcome>> done) override;
  [[nodiscard]] std::vector<metadata::config_entry> topic_configs(const metadata::config_map& own) const override;
  void elect_leaders(metadata::election_kind kind, std::vector<topic_partition> partitions,
                     net::completion<std::vector<metadata::election_outcome>> done) override;
  void describe_quorum(net::completion<election::quorum_description> done) override;
  void describe_log_dirs(net::completion<std::vector<net::log_dir_description>> done) override;
  void describe_configs(metadata::config_key resource, net::completion<std::vector<metadata::config_entry>> done) override;
  void init_producer_id(net::completion<net::producer_id_and_epoch> done) override;

private:
  struct partition_state {
    std::shared_ptr<memory_backed_file> file;
    std::vector<std::pair<std::uint64_t, std::uint32_t>> batches; // position, size
    std::int64_t log_start_offset = 0;
    std::vector<std::pair<std::weak_ptr<net::fetch_sink>, std::uint32_t>> watches;
  };
  void answer(std::function<void()> with);
  net::fetch_outcome read(const net::fetch_task& task, const std::shared_ptr<net::fetch_sink>& sink, std::uint32_t index);
  void replay(const metadata::metadata_record& record);

  mutable std::mutex mutex_;
  metadata::image_builder builder_;
  std::int64_t metadata_offset_ = 0;
  metadata::image_ptr image_;
  std::map<topic_id_partition, partition_state> partitions_;
  bool holds_ = false;
  std::deque<std::function<void()>> held_;
  errc produce_error_ = errc::none;
  bool throws_ = false;
  std::int64_t next_producer_id_ = 0;
};

} // namespace cafka::test
