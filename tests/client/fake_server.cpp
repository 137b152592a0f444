#include "client/fake_server.hpp"

#include "base/prng.hpp"
#include "storage/record_batch.hpp"

#include <boost/asio.hpp>
#include <deque>
#include <set>
#include <thread>

namespace cafka::test {

namespace asio = boost::asio;
using asio::ip::tcp;
using request_header = native::RequestHeader;
using response_header = native::ResponseHeader;

namespace {

uuid id_of(const native::Uuid& from) {
  uuid id;
  store_be(reinterpret_cast<std::byte*>(id.bytes.data()), from.high());
  store_be(reinterpret_cast<std::byte*>(id.bytes.data()) + 8, from.low());
  return id;
}
void set_id(const uuid& from, native::Uuid& to) {
  to.set_high(load_be<std::uint64_t>(reinterpret_cast<const std::byte*>(from.bytes.data())));
  to.set_low(load_be<std::uint64_t>(reinterpret_cast<const std::byte*>(from.bytes.data()) + 8));
}
std::optional<std::string> text_of(const std::optional<byte_span>& bytes) {
  if (!bytes)
    return std::nullopt;
  return std::string(as_text(*bytes));
}

struct connection : std::enable_shared_from_this<connection> {
  explicit connection(tcp::socket of) : socket(std::move(of)) {}
  void close() {
    boost::system::error_code ignored;
    socket.close(ignored);
  }
  void write(const response_header& header, byte_span payload) {
    byte_vector frame(8 + header.ByteSizeLong());
    store_be(frame.data(), static_cast<std::uint32_t>(frame.size() - 4 + payload.size()));
    store_be(frame.data() + 4, static_cast<std::uint32_t>(frame.size() - 8));
    header.SerializeToArray(frame.data() + 8, static_cast<int>(frame.size() - 8));
    frame.insert(frame.end(), payload.begin(), payload.end());
    output.push_back(std::move(frame));
    if (output.size() == 1)
      write_next();
  }
  void write_next() {
    asio::async_write(socket, asio::buffer(output.front()),
                      [self = shared_from_this()](const boost::system::error_code& failure, std::size_t) {
                        self->output.pop_front();
                        if (!failure && !self->output.empty())
                          self->write_next();
                      });
  }
  tcp::socket socket;
  std::deque<byte_vector> output;
};
using connection_ptr = std::shared_ptr<connection>;

} // namespace

class fake_node {
public:
  fake_node(fake_cluster& of, node_id id) : cluster_(of), id_(id) {
    listen();
    thread_ = std::thread([this] { io_.run(); });
  }
  ~fake_node() {
    asio::post(io_, [this] { stop_now(); });
    work_.reset();
    thread_.join();
  }
  void stop() {
    do_and_wait([this] { stop_now(); });
  }
  void start() {
    do_and_wait([this] { listen(); });
  }
  void release() {
    do_and_wait([this] {
      for (auto& one : std::exchange(held_, {}))
        one();
    });
  }
  void wake_fetches() {
    asio::post(io_, [this] {
      for (auto* timer : waiting_)
        timer->cancel();
    });
  }
  [[nodiscard]] std::uint16_t port() const { return port_; }

private:
  template <class Action>
  void do_and_wait(Action action) {
    asio::post(io_, asio::use_future(std::move(action))).get();
  }
  void stop_now() {
    acceptor_.reset();
    for (auto& one : connections_)
      one->close();
    connections_.clear();
    held_.clear();
    for (auto* timer : waiting_)
      timer->cancel();
  }
  void listen() {
    acceptor_.emplace(io_, tcp::endpoint{asio::ip::address_v4::loopback(), port_});
    if (port_ == 0) // afterwards the same, and read by other threads
      port_ = acceptor_->local_endpoint().port();
    accept();
  }
  void accept() {
    acceptor_->async_accept([this](const boost::system::error_code& failure, tcp::socket socket) {
      if (failure)
        return;
      auto one = std::make_shared<connection>(std::move(socket));
      connections_.insert(one);
      asio::co_spawn(io_, serve(one), asio::detached);
      accept();
    });
  }

  asio::awaitable<void> serve(connection_ptr on) {
    boost::system::error_code failure;
    auto token = asio::redirect_error(asio::use_awaitable, failure);
    std::array<std::byte, 8> preface;
    co_await asio::async_read(on->socket, asio::buffer(preface), token);
    if (failure || as_text(preface) != std::string_view("\xCA"
                                                        "FKA\0\0\0\1",
                                                        8)) {
      on->close();
      co_return;
    }
    while (true) {
      std::array<std::byte, 4> length;
      co_await asio::async_read(on->socket, asio::buffer(length), token);
      if (failure)
        co_return;
      auto body = std::make_shared<byte_vector>(load_be<std::uint32_t>(length.data()));
      co_await asio::async_read(on->socket, asio::buffer(*body), token);
      if (failure)
        co_return;
      auto header = std::make_shared<request_header>();
      auto header_size = load_be<std::uint32_t>(body->data());
      header->ParseFromArray(body->data() + 4, static_cast<int>(header_size));
      body->erase(body->begin(), body->begin() + 4 + header_size);
      decide(on, header, body);
    }
  }

  void decide(const connection_ptr& on, const std::shared_ptr<request_header>& header, const std::shared_ptr<byte_vector>& payload) {
    verdict judged;
    if (!header->has_hello()) {
      std::shared_ptr<script> ask;
      {
        std::lock_guard lock{cluster_.mutex_};
        ask = cluster_.script_;
      }
      if (ask)
        judged = (*ask)(id_, *header);
    }
    auto reply = [on](const response_header& answer, byte_span bytes) { on->write(answer, bytes); };
    switch (judged.what) {
    case fate::serve: return handle(header, *payload, reply);
    case fate::refuse: return refuse(*header, judged, reply);
    case fate::hang_up: return on->close();
    case fate::forget: return handle(header, *payload, [on](const response_header&, byte_span) { on->close(); });
    case fate::ignore: return;
    case fate::hold: held_.push_back([this, header, payload, reply] { handle(header, *payload, reply); }); return;
    }
  }

  using reply_function = std::function<void(const response_header&, byte_span)>;

  void refuse(const request_header& header, const verdict& judged, const reply_function& reply) {
    response_header answer;
    answer.set_correlation_id(header.correlation_id());
    auto code = static_cast<std::int32_t>(judged.code);
    for (int i = 0; i < header.produce().partitions_size(); ++i) {
      auto* one = answer.mutable_produce()->add_partitions();
      one->mutable_error()->set_code(code);
      one->mutable_error()->set_message("as the script says");
      one->set_may_be_written(judged.may_be_written);
    }
    for (int i = 0; i < header.fetch().partitions_size(); ++i)
      answer.mutable_fetch()->add_partitions()->mutable_error()->set_code(code);
    for (int i = 0; i < header.list_offsets().partitions_size(); ++i)
      answer.mutable_list_offsets()->add_partitions()->mutable_error()->set_code(code);
    if (answer.response_case() == response_header::RESPONSE_NOT_SET)
      answer.mutable_error()->set_code(code);
    reply(answer, {});
  }

  void handle(const std::shared_ptr<request_header>& header, byte_vector& payload, const reply_function& reply) {
    if (header->has_fetch()) {
      asio::co_spawn(io_, fetch(header, reply), asio::detached);
      return;
    }
    response_header answer;
    answer.set_correlation_id(header->correlation_id());
    {
      std::lock_guard lock{cluster_.mutex_};
      if (header->has_hello())
        hello(answer);
      if (header->has_metadata())
        metadata(header->metadata(), answer);
      if (header->has_produce())
        produce(header->produce(), payload, answer);
      if (header->has_list_offsets())
        list_offsets(header->list_offsets(), answer);
      if (header->has_create_topics())
        create_topics(header->create_topics(), answer);
      if (header->has_describe_apis())
        describe_apis(answer);
    }
    if (header->has_produce())
      cluster_.wake_fetches();
    if (answer.response_case() == response_header::RESPONSE_NOT_SET)
      answer.mutable_error()->set_code(static_cast<std::int32_t>(errc::unsupported_version));
    if (header->has_produce() && header->produce().acks() == 0)
      return;
    reply(answer, {});
  }

  void hello(response_header& answer) const {
    auto* body = answer.mutable_hello();
    body->set_version(1);
    body->set_node_id(id_);
    body->set_cluster_id("fake");
    body->set_max_frame_bytes(100 << 20);
    body->set_server_software("fake " + std::to_string(id_));
  }

  void describe_apis(response_header& answer) const {
    auto* body = answer.mutable_describe_apis();
    auto* api = body->add_apis();
    api->set_key(1);
    api->set_name("Fetch");
    api->set_min_version(4);
    api->set_max_version(id_);
    auto* feature = body->add_finalized_features();
    feature->set_name("metadata.version");
    feature->set_level(7);
    body->set_finalized_features_epoch(42);
  }

  void metadata(const native::MetadataRequest& request, response_header& answer) const {
    auto* body = answer.mutable_metadata();
    body->set_cluster_id("fake");
    body->set_controller_id(1);
    for (const auto& [id, node] : cluster_.nodes_) {
      auto* broker = body->add_brokers();
      broker->set_node_id(id);
      broker->set_host("127.0.0.1");
      broker->set_port(node->port());
    }
    std::vector<std::string> names{request.topics().begin(), request.topics().end()};
    if (request.all_topics())
      for (const auto& [name, topic] : cluster_.topics_)
        names.push_back(name);
    for (const auto& name : names) {
      auto* out = body->add_topics();
      out->set_name(name);
      auto found = cluster_.topics_.find(name);
      if (found == cluster_.topics_.end()) {
        out->mutable_error()->set_code(static_cast<std::int32_t>(errc::unknown_topic_or_partition));
        continue;
      }
      set_id(found->second.id, *out->mutable_topic_id());
      for (std::size_t i = 0; i < found->second.partitions.size(); ++i) {
        auto* partition = out->add_partitions();
        partition->set_partition(static_cast<std::int32_t>(i));
        partition->set_leader(found->second.partitions[i].leader);
        partition->set_leader_epoch(found->second.partitions[i].leader_epoch);
      }
    }
  }

  template <class Asked>
  fake_partition* find(const Asked& asked, native::Error& failure) const {
    for (auto& [name, topic] : cluster_.topics_) {
      if (topic.id != id_of(asked.topic_id()))
        continue;
      auto& partition = topic.partitions.at(static_cast<std::size_t>(asked.partition()));
      if (partition.leader == id_)
        return &partition;
      failure.set_code(static_cast<std::int32_t>(errc::not_leader_or_follower));
      return nullptr;
    }
    failure.set_code(static_cast<std::int32_t>(errc::unknown_topic_id));
    return nullptr;
  }

  void produce(const native::ProduceRequest& request, byte_vector& payload, response_header& answer) const {
    mutable_byte_span rest{payload};
    for (const auto& asked : request.partitions()) {
      auto bytes = rest.first(asked.payload_bytes());
      rest = rest.subspan(bytes.size());
      auto* out = answer.mutable_produce()->add_partitions();
      auto* to = find(asked, *out->mutable_error());
      if (!to)
        continue;
      storage::produce_checks checks;
      checks.now_ms = 1'700'000'000'000;
      checks.timestamp_after_max_ms = INT64_MAX;
      auto checked = storage::check_produced_batch(bytes, checks);
      if (!checked) {
        out->mutable_error()->set_code(static_cast<std::int32_t>(checked.error().code));
        out->mutable_error()->set_message(checked.error().detail);
        continue;
      }
      out->set_base_offset(to->log_end_offset);
      out->set_log_append_time_ms(-1);
      store(*to, byte_vector{bytes.begin(), bytes.end()});
    }
  }

public:
  static void store(fake_partition& to, byte_vector batch) {
    storage::assign_offset(batch, to.log_end_offset, to.leader_epoch);
    auto header = *storage::parse_batch_header(batch);
    to.batches.push_back({header.base_offset, header.last_offset(), std::move(batch)});
    to.log_end_offset = header.last_offset() + 1;
  }

private:
  // True if there is something to say.
  bool read(const native::FetchRequest& request, response_header& answer, byte_vector& payload) const {
    bool news = false;
    for (const auto& asked : request.partitions()) {
      auto* out = answer.mutable_fetch()->add_partitions();
      auto* from = find(asked, *out->mutable_error());
      if (from && (asked.offset() < from->log_start_offset || asked.offset() > from->log_end_offset)) {
        out->mutable_error()->set_code(static_cast<std::int32_t>(errc::offset_out_of_range));
        from = nullptr;
      }
      if (!from) {
        news = true;
        continue;
      }
      out->set_high_watermark(from->log_end_offset);
      out->set_last_stable_offset(from->log_end_offset);
      out->set_log_start_offset(from->log_start_offset);
      std::uint32_t size = 0;
      for (const auto& batch : from->batches) {
        if (batch.last_offset < asked.offset())
          continue;
        auto bytes = static_cast<std::uint32_t>(batch.bytes.size());
        if ((size > 0 && size + bytes > asked.max_bytes()) || (!payload.empty() && payload.size() + bytes > request.max_bytes()))
          break;
        size += bytes;
        payload.insert(payload.end(), batch.bytes.begin(), batch.bytes.end());
      }
      out->set_payload_bytes(size);
      news = news || size > 0;
    }
    return news;
  }

  asio::awaitable<void> fetch(std::shared_ptr<request_header> header, reply_function reply) {
    asio::steady_timer timer{io_};
    auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds{header->fetch().max_wait_ms()};
    while (true) {
      response_header answer;
      byte_vector payload;
      bool news = false;
      {
        std::lock_guard lock{cluster_.mutex_};
        news = read(header->fetch(), answer, payload);
      }
      if (news || std::chrono::steady_clock::now() >= deadline || !acceptor_) {
        answer.set_correlation_id(header->correlation_id());
        reply(answer, payload);
        co_return;
      }
      waiting_.insert(&timer);
      timer.expires_at(deadline);
      boost::system::error_code ignored;
      co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
      waiting_.erase(&timer);
    }
  }

  void list_offsets(const native::ListOffsetsRequest& request, response_header& answer) const {
    answer.mutable_list_offsets();
    for (const auto& asked : request.partitions()) {
      auto* out = answer.mutable_list_offsets()->add_partitions();
      auto* from = find(asked, *out->mutable_error());
      if (!from)
        continue;
      out->set_offset(-1);
      if (asked.timestamp() == -1)
        out->set_offset(from->log_end_offset);
      if (asked.timestamp() == -2)
        out->set_offset(from->log_start_offset);
      if (asked.timestamp() < 0)
        continue;
      for (const auto& batch : from->batches)
        (void)storage::for_each_record(batch.bytes, {}, [&](const storage::record_view& record) {
          if (out->offset() >= 0 || record.timestamp < asked.timestamp())
            return true;
          out->set_offset(record.offset);
          out->set_timestamp(record.timestamp);
          return false;
        });
    }
  }

  void create_topics(const native::CreateTopicsRequest& request, response_header& answer) const {
    for (const auto& asked : request.topics()) {
      auto* out = answer.mutable_create_topics()->add_topics();
      out->set_name(asked.name());
      auto [place, added] = cluster_.topics_.try_emplace(asked.name());
      if (!added) {
        out->mutable_error()->set_code(static_cast<std::int32_t>(errc::topic_already_exists));
        continue;
      }
      place->second.id.bytes[15] = static_cast<std::uint8_t>(cluster_.topics_.size() + 100);
      place->second.partitions.resize(static_cast<std::size_t>(asked.partition_count()));
      set_id(place->second.id, *out->mutable_topic_id());
      out->set_partition_count(asked.partition_count());
    }
  }

  fake_cluster& cluster_;
  node_id id_;
  std::uint16_t port_ = 0;
  asio::io_context io_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{io_.get_executor()};
  std::optional<tcp::acceptor> acceptor_;
  std::set<connection_ptr> connections_;
  std::vector<std::function<void()>> held_;
  std::set<asio::steady_timer*> waiting_;
  std::thread thread_;
};

fake_cluster::fake_cluster(int nodes) {
  for (node_id id = 1; id <= nodes; ++id)
    nodes_[id] = std::make_unique<fake_node>(*this, id);
}
fake_cluster::~fake_cluster() = default;

std::string fake_cluster::bootstrap(node_id node) const { return "127.0.0.1:" + std::to_string(nodes_.at(node)->port()); }

void fake_cluster::add_topic(const std::string& name, std::int32_t partitions) {
  std::lock_guard lock{mutex_};
  static prng ids{7};
  auto& topic = topics_[name];
  topic.id = uuid::random(ids);
  topic.partitions.resize(static_cast<std::size_t>(partitions));
}
void fake_cluster::remove_topic(const std::string& name) {
  {
    std::lock_guard lock{mutex_};
    topics_.erase(name);
  }
  wake_fetches();
}
void fake_cluster::set_leader(const topic_partition& where, node_id leader) {
  std::lock_guard lock{mutex_};
  auto& partition = topics_.at(where.topic).partitions.at(static_cast<std::size_t>(where.partition));
  partition.leader = leader;
  ++partition.leader_epoch;
}
void fake_cluster::set_log_start(const topic_partition& where, std::int64_t offset) {
  std::lock_guard lock{mutex_};
  topics_.at(where.topic).partitions.at(static_cast<std::size_t>(where.partition)).log_start_offset = offset;
}
void fake_cluster::append(const topic_partition& where, byte_vector batch) {
  {
    std::lock_guard lock{mutex_};
    fake_node::store(topics_.at(where.topic).partitions.at(static_cast<std::size_t>(where.partition)), std::move(batch));
  }
  wake_fetches();
}
std::vector<plain_record> fake_cluster::contents(const topic_partition& where) {
  std::lock_guard lock{mutex_};
  std::vector<plain_record> all;
  for (const auto& batch : topics_.at(where.topic).partitions.at(static_cast<std::size_t>(where.partition)).batches)
    (void)storage::for_each_record(batch.bytes, {}, [&](const storage::record_view& record) {
      all.push_back({text_of(record.key), text_of(record.value), record.offset, record.timestamp});
      return true;
    });
  return all;
}
std::size_t fake_cluster::batch_count(const topic_partition& where) {
  std::lock_guard lock{mutex_};
  return topics_.at(where.topic).partitions.at(static_cast<std::size_t>(where.partition)).batches.size();
}
void fake_cluster::on_request(script what) {
  std::lock_guard lock{mutex_};
  script_ = what ? std::make_shared<script>(std::move(what)) : nullptr;
}
void fake_cluster::release() {
  for (auto& [id, node] : nodes_)
    node->release();
}
void fake_cluster::stop(node_id node) { nodes_.at(node)->stop(); }
void fake_cluster::start(node_id node) { nodes_.at(node)->start(); }
void fake_cluster::wake_fetches() {
  for (auto& [id, node] : nodes_)
    node->wake_fetches();
}

} // namespace cafka::test
