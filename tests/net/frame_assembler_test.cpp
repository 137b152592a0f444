#define CAF_SUITE frame_assembler
#include "base/prng.hpp"
#include "net/frame_assembler.hpp"

#include <caf/test/unit_test.hpp>
#include <rapidcheck.h>

using namespace cafka;
using namespace cafka::net;

namespace {

using state = frame_assembler::state;

std::string length_of(std::uint32_t length) {
  std::string bytes(4, '\0');
  store_be(reinterpret_cast<std::byte*>(bytes.data()), length);
  return bytes;
}

std::string text_of(const frame_buffer& frame) { return std::string(as_text(frame.bytes())); }

} // namespace

CAF_TEST(whatever the cuts frames come out as they went in) {
  CAF_CHECK(rc::check("frames", [] {
    prng chance{*rc::gen::arbitrary<std::uint64_t>()};
    auto pool = frame_pool::make({});
    frame_assembler assembler(pool, 1 << 20);
    std::vector<std::string> sent, received;
    std::string stream;
    for (auto count = chance.below(20); count > 0; --count) {
      std::string body(chance.below(chance.chance(1, 5) ? 200'000 : 300), '\0');
      for (auto& c : body)
        c = static_cast<char>(chance.next());
      stream += length_of(static_cast<std::uint32_t>(body.size())) + body;
      sent.push_back(std::move(body));
    }
    auto rest = as_byte_span(stream);
    while (!rest.empty()) {
      // As a connection does: some bytes go straight to the frame being received, the others through the scratch buffer.
      if (auto wanted = assembler.wanted(); !wanted.empty() && chance.chance(1, 2)) {
        const auto count = std::min<std::size_t>(rest.size(), 1 + chance.below(wanted.size()));
        std::memcpy(wanted.data(), rest.data(), count);
        assembler.received(count);
        rest = rest.subspan(count);
      }
      const auto count = chance.below(std::min<std::size_t>(rest.size(), 70'000) + 1);
      auto input = rest.first(count);
      rest = rest.subspan(count);
      std::shared_ptr<frame_buffer> frame;
      auto now = assembler.next(input, frame);
      for (; now == state::frame; now = assembler.next(input, frame))
        received.push_back(text_of(*frame));
      RC_ASSERT(now == state::need_bytes);
      RC_ASSERT(input.empty());
    }
    RC_ASSERT(received == sent);
    RC_ASSERT(!assembler.in_frame());
    RC_ASSERT(pool->used_bytes() == 0u);
  }));
}

CAF_TEST(a length over the cap is refused before anything is allocated) {
  auto pool = frame_pool::make({});
  frame_assembler assembler(pool, 1000);
  const auto text = length_of(1001) + "x";
  auto input = as_byte_span(text);
  std::shared_ptr<frame_buffer> frame;
  CAF_CHECK(assembler.next(input, frame) == state::refused);
  CAF_CHECK(assembler.next(input, frame) == state::refused);
  CAF_CHECK_EQUAL(assembler.refusal(), "frame of 1001 bytes; at most 1000 are accepted");
  CAF_CHECK_EQUAL(pool->used_bytes() + pool->cached_bytes(), 0u);
}

CAF_TEST(an announced size costs what has arrived of it) {
  auto pool = frame_pool::make({.budget_bytes = 1u << 30, .cached_bytes = 0});
  std::vector<std::unique_ptr<frame_assembler>> many;
  const auto announced = length_of(100 << 20) + "a few bytes";
  for (int i = 0; i < 200; ++i) {
    many.push_back(std::make_unique<frame_assembler>(pool, 100 << 20));
    auto input = as_byte_span(announced);
    std::shared_ptr<frame_buffer> frame;
    CAF_CHECK(many.back()->next(input, frame) == state::need_bytes);
  }
  CAF_CHECK_LESS_OR_EQUAL(pool->used_bytes(), 200u * 8192u);
  // What has shown that it sends large frames gets the next buffer in one piece; what it announces beyond that it has to send.
  auto& one = *many[0];
  const std::string body((100 << 20) - 11, 'x');
  auto input = as_byte_span(body);
  std::shared_ptr<frame_buffer> frame;
  CAF_CHECK(one.next(input, frame) == state::frame);
  CAF_CHECK_EQUAL(frame->bytes().size(), 100u << 20);
  frame.reset();
  const auto again = length_of(100 << 20);
  input = as_byte_span(again);
  CAF_CHECK(one.next(input, frame) == state::need_bytes);
  CAF_CHECK_LESS_OR_EQUAL(one.capacity(), 5u << 20);
}

CAF_TEST(without budget the input is kept) {
  auto pool = frame_pool::make({.budget_bytes = 10'000, .cached_bytes = 0});
  auto taken = pool->try_allocate(8192);
  frame_assembler assembler(pool, 1 << 20);
  const auto text = length_of(3000) + std::string(3000, 'x');
  auto input = as_byte_span(text);
  std::shared_ptr<frame_buffer> frame;
  CAF_CHECK(assembler.next(input, frame) == state::need_budget);
  CAF_CHECK_EQUAL(input.size(), 3000u);
  CAF_CHECK_EQUAL(assembler.wanted_capacity(), 3000u);
  taken.reset();
  CAF_CHECK(assembler.next(input, frame) == state::frame);
  CAF_CHECK_EQUAL(text_of(*frame), text.substr(4));
}
