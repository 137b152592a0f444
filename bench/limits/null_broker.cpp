// The least Kafka broker that a real client accepts, as a ceiling for brokers: it takes the CRC-32C of every batch, writes its offset into it, appends
// it to a file with one write, and sends fetched bytes with sendfile; a blocking thread for each connection. It checks nothing else, has one
// node, no groups, no configuration, and keeps only the newest bytes. A topic exists once its name is spoken.
// Prints its port, and runs until it is ended.
#include "kafka_wire.hpp"
#include "net/kafka/messages/api_versions.hpp"
#include "net/kafka/messages/fetch.hpp"
#include "net/kafka/messages/list_offsets.hpp"
#include "net/kafka/messages/metadata.hpp"
#include "net/kafka/messages/produce.hpp"
#include "storage/crc32c.hpp"
#include "storage/record_batch.hpp"

#include <condition_variable>
#include <deque>
#include <fcntl.h>
#include <memory>
#include <mutex>
#include <sys/sendfile.h>
#include <thread>

using namespace limits;
using cafka::load_be;
using cafka::mutable_byte_span;

namespace {

constexpr std::int16_t no_error = 0, offset_out_of_range = 1, corrupt_message = 2, unsupported_version = 35;

// Unlinked as soon as it is there: nothing is left when the broker ends, however it ends.
class segment {
public:
  explicit segment(const std::string& directory) : descriptor_(open(directory.c_str(), O_RDWR | O_TMPFILE | O_CLOEXEC, 0600)) {
    if (descriptor_ < 0)
      give_up("create a segment");
  }
  ~segment() { close(descriptor_); }
  segment(const segment&) = delete;
  segment& operator=(const segment&) = delete;
  [[nodiscard]] int descriptor() const { return descriptor_; }
  [[nodiscard]] std::size_t size() const { return size_; }
  void append(mutable_byte_span bytes) {
    if (write(descriptor_, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
      give_up("write");
    size_ += bytes.size();
  }

private:
  int descriptor_;
  std::size_t size_ = 0;
};

// What a request appended: whole batches, in one segment.
struct extent {
  std::int64_t base_offset = 0;
  std::shared_ptr<segment> in;
  std::size_t position = 0, size = 0;
};

struct file_part {
  std::shared_ptr<segment> in;
  std::size_t position = 0, size = 0;
};

class partition {
public:
  explicit partition(std::string directory) : directory_(std::move(directory)) {}

  std::int64_t append(mutable_byte_span batches) {
    std::int64_t base = 0;
    {
      const std::lock_guard lock(mutex_);
      base = end_offset_;
      if (!newest_ || newest_->size() + batches.size() > segment_bytes)
        roll();
      assign_offsets(batches);
      extents_.push_back({base, newest_, newest_->size(), batches.size()});
      newest_->append(batches);
    }
    appended_.notify_all();
    return base;
  }

  // Waits up to `wait_ms` for something to be there.
  std::int16_t read(std::int64_t offset, std::size_t most_bytes, int wait_ms, file_part& found, std::int64_t& end_offset) {
    std::unique_lock lock(mutex_);
    if (offset >= end_offset_ && wait_ms > 0)
      appended_.wait_for(lock, std::chrono::milliseconds(wait_ms), [&] { return end_offset_ > offset; });
    end_offset = end_offset_;
    if (offset < start_offset() || offset > end_offset_)
      return offset_out_of_range;
    if (offset == end_offset_)
      return no_error;
    auto at = std::upper_bound(extents_.begin(), extents_.end(), offset, [](auto o, const extent& e) { return o < e.base_offset; }) - 1;
    found = {at->in, at->position, at->size};
    for (++at; at != extents_.end() && at->in == found.in && found.size + at->size <= most_bytes; ++at)
      found.size += at->size;
    return no_error;
  }

  std::int64_t offset_at(std::int64_t timestamp) {
    const std::lock_guard lock(mutex_);
    return timestamp == -2 ? start_offset() : end_offset_;
  }

private:
  static constexpr std::size_t segment_bytes = 256u << 20;

  [[nodiscard]] std::int64_t start_offset() const { return extents_.empty() ? end_offset_ : extents_.front().base_offset; }
  // Keeps the segment that was newest until now, and none before it.
  void roll() {
    while (!extents_.empty() && extents_.front().in != newest_)
      extents_.pop_front();
    newest_ = std::make_shared<segment>(directory_);
  }
  void assign_offsets(mutable_byte_span batches) {
    while (!batches.empty()) {
      const auto size = cafka::storage::batch_prefix_size + load_be<std::uint32_t>(batches.data() + 8);
      cafka::store_be(batches.data(), end_offset_);
      end_offset_ += load_be<std::int32_t>(batches.data() + 57);
      batches = batches.subspan(size);
    }
  }

  const std::string directory_;
  std::mutex mutex_;
  std::condition_variable appended_;
  std::deque<extent> extents_;
  std::shared_ptr<segment> newest_;
  std::int64_t end_offset_ = 0;
};

class topics {
public:
  topics(long partitions, std::string directory) : partitions_(partitions), directory_(std::move(directory)) {}
  // A topic stays where it is for good. A partition number that there is not: give_up, for the client is ours.
  std::deque<partition>& of(std::string_view name) {
    const std::lock_guard lock(mutex_);
    auto found = by_name_.find(name);
    if (found == by_name_.end()) {
      found = by_name_.emplace(std::piecewise_construct, std::forward_as_tuple(name), std::forward_as_tuple()).first;
      for (long i = 0; i < partitions_; ++i)
        found->second.emplace_back(directory_);
    }
    return found->second;
  }
  partition& of(std::string_view name, std::int32_t number) { return of(name).at(static_cast<std::size_t>(number)); }
  std::vector<std::string> names() {
    const std::lock_guard lock(mutex_);
    std::vector<std::string> all;
    for (const auto& [name, partitions] : by_name_)
      all.push_back(name);
    return all;
  }

private:
  const long partitions_;
  const std::string directory_;
  std::mutex mutex_;
  std::map<std::string, std::deque<partition>, std::less<>> by_name_;
};

bool is_sound(mutable_byte_span batches) {
  while (batches.size() >= cafka::storage::batch_header_size) {
    const auto size = cafka::storage::batch_prefix_size + load_be<std::uint32_t>(batches.data() + 8);
    if (size < cafka::storage::batch_header_size || size > batches.size() ||
        cafka::storage::crc32c(batches.subspan(21, size - 21)) != load_be<std::uint32_t>(batches.data() + 17))
      return false;
    batches = batches.subspan(size);
  }
  return batches.empty();
}

class connection {
public:
  connection(int socket, std::uint16_t port, topics& all) : socket_(socket), port_(port), topics_(all), frames_(socket) {}
  ~connection() { close(socket_); }
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  void serve() {
    while (auto frame = frames_.next()) {
      frame_ = *frame;
      cafka::byte_reader in{frame_};
      header_ = {in.read_be<std::int16_t>(), in.read_be<std::int16_t>(), in.read_be<std::int32_t>(), {}};
      if (!handle() || !send_response())
        return;
    }
  }

private:
  bool handle() {
    response_.clear();
    parts_.clear();
    switch (header_.request_api_key) {
    case kafka::api_versions_request::info.api_key: return api_versions();
    case kafka::metadata_request::info.api_key: return metadata();
    case kafka::produce_request::info.api_key: return produce();
    case kafka::list_offsets_request::info.api_key: return list_offsets();
    case kafka::fetch_request::info.api_key: return fetch();
    default: return false;
    }
  }

  template <class Request>
  bool decode(Request& request) {
    cafka::byte_reader in{frame_};
    const auto flexible = Request::info.flexible.contains(header_.request_api_version);
    return codec::decode_from<kafka::request_header>(in, flexible ? 2 : 1) &&
           codec::decode_into(request, in, header_.request_api_version).has_value();
  }
  template <class Response>
  bool encode(const Response& response, std::int16_t version, codec::slot_places* places = nullptr) {
    response_.resize(4);
    const bool flexible = Response::info.flexible.contains(version) && header_.request_api_key != 18;
    codec::encode(kafka::response_header{header_.correlation_id}, flexible ? std::int16_t{1} : std::int16_t{0}, response_);
    body_at_ = response_.size();
    codec::encode(response, version, response_, codec::encoded_size(response, version), places);
    return true;
  }

  bool api_versions() {
    const bool known = header_.request_api_version <= 3;
    kafka::api_versions_response response;
    response.error_code = known ? no_error : unsupported_version;
    response.api_keys = {{0, 3, 8}, {1, 4, 11}, {2, 1, 3}, {3, 0, 8}, {18, 0, 3}};
    return encode(response, known ? header_.request_api_version : std::int16_t{0});
  }

  bool metadata() {
    kafka::metadata_request request;
    if (!decode(request))
      return false;
    kafka::metadata_response response;
    response.brokers.push_back({1, "127.0.0.1", port_, {}});
    response.cluster_id = "null";
    response.controller_id = 1;
    std::vector<std::string> names;
    if (request.topics && (!request.topics->empty() || header_.request_api_version > 0))
      for (const auto& each : *request.topics)
        names.emplace_back(each.name.value_or(std::string_view{}));
    else
      names = topics_.names();
    for (const auto& name : names) {
      auto& topic = response.topics.emplace_back();
      topic.name = name;
      for (std::size_t i = 0; i < topics_.of(name).size(); ++i)
        topic.partitions.push_back({no_error, static_cast<std::int32_t>(i), 1, 0, {1}, {1}, {}});
    }
    return encode(response, header_.request_api_version);
  }

  bool produce() {
    if (!decode(produce_request_))
      return false;
    auto& response = produce_response_;
    response.responses.resize(produce_request_.topic_data.size());
    for (std::size_t i = 0; i < response.responses.size(); ++i) {
      const auto& asked = produce_request_.topic_data[i];
      auto& topic = response.responses[i];
      topic.name = asked.name;
      topic.partition_responses.resize(asked.partition_data.size());
      for (std::size_t j = 0; j < asked.partition_data.size(); ++j) {
        auto& row = topic.partition_responses[j];
        row.index = asked.partition_data[j].index;
        const auto from = asked.partition_data[j].records.value_or(codec::records{}).bytes;
        const auto batches = frame_.subspan(static_cast<std::size_t>(from.data() - frame_.data()), from.size());
        row.error_code = is_sound(batches) ? no_error : corrupt_message;
        if (row.error_code == no_error)
          row.base_offset = topics_.of(asked.name, row.index).append(batches);
      }
    }
    return produce_request_.acks == 0 || encode(response, header_.request_api_version);
  }

  bool list_offsets() {
    kafka::list_offsets_request request;
    if (!decode(request))
      return false;
    kafka::list_offsets_response response;
    for (const auto& asked : request.topics) {
      auto& topic = response.topics.emplace_back();
      topic.name = asked.name;
      for (const auto& each : asked.partitions)
        topic.partitions.push_back(
            {each.partition_index, no_error, -1, topics_.of(asked.name, each.partition_index).offset_at(each.timestamp), 0});
    }
    return encode(response, header_.request_api_version);
  }

  // Waits only where one partition is asked for, as it is here.
  bool fetch() {
    if (!decode(fetch_request_))
      return false;
    const auto& request = fetch_request_;
    auto& response = fetch_response_;
    response.responses.resize(request.topics.size());
    std::vector<file_part> found;
    auto left = static_cast<std::size_t>(std::max(request.max_bytes, 0));
    const bool may_wait = request.topics.size() == 1 && request.topics[0].partitions.size() == 1 && request.min_bytes > 0;
    for (std::size_t i = 0; i < request.topics.size(); ++i) {
      const auto& asked = request.topics[i];
      auto& topic = response.responses[i];
      topic.topic = asked.topic;
      topic.partitions.resize(asked.partitions.size());
      for (std::size_t j = 0; j < asked.partitions.size(); ++j) {
        auto& row = topic.partitions[j];
        file_part part;
        row.partition_index = asked.partitions[j].partition;
        row.error_code = topics_.of(asked.topic, row.partition_index)
                             .read(asked.partitions[j].fetch_offset,
                                   std::min<std::size_t>(left, static_cast<std::size_t>(asked.partitions[j].partition_max_bytes)),
                                   may_wait ? request.max_wait_ms : 0, part, row.high_watermark);
        row.last_stable_offset = row.high_watermark;
        row.records = {static_cast<std::uint32_t>(part.size), static_cast<std::uint32_t>(found.size())};
        left -= std::min(left, part.size);
        found.push_back(std::move(part));
      }
    }
    found_parts places{*this, found};
    return encode(response, header_.request_api_version, &places);
  }

  struct found_parts final : codec::slot_places {
    found_parts(connection& in, std::vector<file_part>& found) : of{in}, parts{found} {}
    void place(std::size_t at, const codec::record_slot& slot) override {
      of.parts_.emplace_back(of.body_at_ + at, std::move(parts[slot.index]));
    }
    connection& of;
    std::vector<file_part>& parts;
  };

  bool send_response() {
    if (response_.empty()) // acks=0
      return true;
    std::size_t elsewhere = 0;
    for (const auto& [at, part] : parts_)
      elsewhere += part.size;
    set_length(response_, 0, elsewhere);
    std::size_t sent = 0;
    for (const auto& [at, part] : parts_) {
      if (!send_bytes(sent, at, MSG_MORE))
        return false;
      sent = at;
      auto position = static_cast<off_t>(part.position);
      for (auto left = part.size; left > 0;) {
        const auto count = sendfile(socket_, part.in->descriptor(), &position, left);
        if (count <= 0)
          return false;
        left -= static_cast<std::size_t>(count);
      }
    }
    return send_bytes(sent, response_.size(), 0);
  }
  bool send_bytes(std::size_t from, std::size_t to, int flags) {
    while (from < to) {
      const auto count = send(socket_, response_.data() + from, to - from, flags | MSG_NOSIGNAL);
      if (count <= 0)
        return false;
      from += static_cast<std::size_t>(count);
    }
    return true;
  }

  const int socket_;
  const std::uint16_t port_;
  topics& topics_;
  frame_reader frames_;
  mutable_byte_span frame_; // of the request in hand
  kafka::request_header header_;
  kafka::produce_request produce_request_;
  kafka::produce_response produce_response_;
  kafka::fetch_request fetch_request_;
  kafka::fetch_response fetch_response_;
  cafka::byte_vector response_;
  std::size_t body_at_ = 0; // in response_
  std::vector<std::pair<std::size_t, file_part>> parts_; // each after so many bytes of response_
};

} // namespace

int main(int argc, char** argv) {
  const arguments given(argc, argv, {{"partitions", "1"}, {"directory", "/dev/shm"}});
  topics all{given.number("partitions"), given.text("directory")};
  const auto [listener, port] = listen_anywhere();
  std::printf("%u\n", unsigned{port});
  std::fflush(stdout);
  while (true) {
    const int socket = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0)
      give_up("accept");
    const int on = 1;
    setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    std::thread([socket, own_port = port, &all] { connection(socket, own_port, all).serve(); }).detach();
  }
}
