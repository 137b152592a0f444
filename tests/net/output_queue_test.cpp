#define CAF_SUITE output_queue
#include "base/prng.hpp"
#include "net/output_queue.hpp"
#include "support/fake_service.hpp"
#include "support/temporary_directory.hpp"

#include <caf/test/unit_test.hpp>
#include <csignal>
#include <fcntl.h>
#include <rapidcheck.h>
#include <sys/socket.h>
#include <unistd.h>

using namespace cafka;
using namespace cafka::net;

namespace {

using flush_state = output_queue::flush_state;

struct socket_pair {
  socket_pair() {
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) != 0)
      std::abort();
  }
  ~socket_pair() {
    ::close(ends[0]);
    if (ends[1] >= 0)
      ::close(ends[1]);
  }
  std::string read_all() {
    std::string all;
    char buffer[65536];
    for (ssize_t count; (count = ::read(ends[1], buffer, sizeof buffer)) > 0;)
      all.append(buffer, static_cast<std::size_t>(count));
    return all;
  }
  int ends[2];
};

byte_vector bytes_of(std::string_view text) {
  const auto span = as_byte_span(text);
  return {span.begin(), span.end()};
}

std::shared_ptr<test::memory_backed_file> file_with(const std::string& content, bool has_descriptor) {
  auto file = std::make_shared<test::memory_backed_file>(has_descriptor);
  const auto part = as_byte_span(content);
  if (!file->append(std::span(&part, 1)))
    std::abort();
  return file;
}

} // namespace

CAF_TEST(bytes and slices arrive in order through a socket of any size) {
  CAF_CHECK(rc::check("messages", [] {
    prng chance{*rc::gen::arbitrary<std::uint64_t>()};
    socket_pair sockets;
    byte_vector scratch(64 << 10);
    output_queue queue;
    std::string content(400'000, '\0');
    for (auto& c : content)
      c = static_cast<char>(chance.next());
    std::string expected, received;
    std::size_t messages = 0, finished = 0;
    for (auto count = 1 + chance.below(12); count > 0; --count) {
      outgoing message;
      const std::string head(chance.below(chance.chance(1, 3) ? 20'000 : 100), static_cast<char>('a' + count));
      message.bytes = bytes_of(head);
      auto file = file_with(content, chance.chance(1, 2));
      std::size_t at = 0;
      for (auto slices = chance.below(4); slices > 0; --slices) {
        const auto next = at + chance.below(head.size() - at + 1);
        const auto position = chance.below(content.size());
        const auto size = chance.below(std::min<std::size_t>(content.size() - position, 200'000) + 1);
        message.slices.push_back({next, {file, position, static_cast<std::uint32_t>(size)}});
        expected += head.substr(at, next - at) + content.substr(position, size);
        at = next;
      }
      expected += head.substr(at);
      messages += message.empty() ? 0 : 1;
      queue.push(std::move(message));
      if (chance.chance(1, 3))
        RC_ASSERT(queue.flush(sockets.ends[0], 1 + chance.below(100'000), scratch) != flush_state::failed);
    }
    while (true) {
      const auto state = queue.flush(sockets.ends[0], 1 + chance.below(300'000), scratch);
      RC_ASSERT(state != flush_state::failed);
      received += sockets.read_all();
      finished += queue.take_sent_messages();
      if (state == flush_state::drained)
        break;
    }
    RC_ASSERT(received == expected);
    RC_ASSERT(finished == messages);
    RC_ASSERT(queue.queued_bytes() == 0u);
    RC_ASSERT(queue.take_sent_bytes() == expected.size());
  }));
}

CAF_TEST(a file cut below its slice is a failure and not a retry) {
  for (bool has_descriptor : {true, false}) {
    socket_pair sockets;
    byte_vector scratch(64 << 10);
    auto file = file_with(std::string(1000, 'x'), has_descriptor);
    output_queue queue;
    outgoing message;
    message.bytes = bytes_of("head");
    message.slices.push_back({4, {file, 500, 500}});
    queue.push(std::move(message));
    CAF_REQUIRE(file->truncate(600).has_value());
    CAF_CHECK(queue.flush(sockets.ends[0], 1 << 20, scratch) == flush_state::failed);
    CAF_CHECK(queue.failure().code == errc::corrupt_message);
    CAF_CHECK_EQUAL(sockets.read_all(), "head" + std::string(100, 'x'));
  }
}

CAF_TEST(a slice that is not in memory is read in while others are served) {
  test::temporary_directory directory;
  const std::string content = [] {
    std::string text;
    for (int i = 0; i < 100'000; ++i)
      text += std::to_string(i) + ' ';
    return text;
  }();
  auto opened = storage::posix_file_system().open(directory / "cold", storage::open_mode::create);
  CAF_REQUIRE(opened.has_value());
  const std::shared_ptr<storage::file> file = std::move(*opened);
  const auto part = as_byte_span(content);
  CAF_REQUIRE(file->append(std::span(&part, 1)).has_value());
  CAF_REQUIRE(file->sync().has_value());
  ::posix_fadvise(file->native_handle(), 0, 0, POSIX_FADV_DONTNEED); // a wish: the file system may keep it in memory
  socket_pair sockets;
  output_queue queue;
  outgoing message;
  message.slices.push_back({0, {file, 10, static_cast<std::uint32_t>(content.size() - 10)}});
  queue.push(std::move(message));
  std::string received;
  auto state = flush_state::cold;
  for (int tries = 0; tries < 10'000 && state != flush_state::drained; ++tries) {
    state = queue.flush(sockets.ends[0], 1 << 20, {});
    CAF_REQUIRE(state != flush_state::failed);
    received += sockets.read_all();
  }
  CAF_CHECK(received == content.substr(10));
}

CAF_TEST(a peer that is gone is a failure of the connection) {
  std::signal(SIGPIPE, SIG_IGN);
  socket_pair sockets;
  ::close(std::exchange(sockets.ends[1], -1));
  output_queue queue;
  queue.push({bytes_of("head"), {}});
  CAF_CHECK(queue.flush(sockets.ends[0], 1 << 20, {}) == flush_state::failed);
  CAF_CHECK(queue.failure().code == errc::connection_closed);
}

CAF_TEST(a turn ends and a queue that never drains does not grow) {
  socket_pair sockets;
  output_queue queue;
  std::string expected, received;
  const std::string large(5000, 'y'); // too large to be copied behind another
  queue.push({bytes_of(large), {}});
  expected += large;
  for (int i = 0; i < 5000; ++i) {
    queue.push({bytes_of(large), {}});
    expected += large;
    CAF_REQUIRE(queue.flush(sockets.ends[0], 1, {}) != flush_state::failed);
    received += sockets.read_all();
  }
  CAF_CHECK_LESS(queue.queued_bytes(), 6000u * 64u);
  CAF_CHECK(queue.flush(sockets.ends[0], SIZE_MAX, {}) != flush_state::failed);
  received += sockets.read_all();
  while (queue.flush(sockets.ends[0], SIZE_MAX, {}) != flush_state::drained)
    received += sockets.read_all();
  received += sockets.read_all();
  CAF_CHECK(received == expected);
}
