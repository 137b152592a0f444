// One metadata record from anywhere: the frame, every known type and version behind it, and what the image makes of what was read.
// The first byte may put a valid frame in front, so that the search goes on inside the bodies; it is also read as control records.
#include "election/control_records.hpp"
#include "election/quorum_state.hpp"
#include "metadata/image_builder.hpp"

#include <cstdlib>

using namespace cafka;
using namespace cafka::metadata;

namespace {

void require(bool holds) {
  if (!holds)
    std::abort();
}

// What was read can be written, and reads the same again.
void check_frame(byte_span bytes) {
  const auto read = decode_record(bytes);
  if (!read)
    return;
  byte_vector once, twice;
  encode_record(read->record, read->version, once);
  const auto again = decode_record(once);
  require(again.has_value());
  encode_record(again->record, again->version, twice);
  require(once == twice);
  (void)to_json(read->record, read->version);
  image_builder builder;
  const auto done = builder.replay(0, 0, read->record);
  require(!done || !builder.check_invariants().has_value());
  (void)records_of(*builder.build().next);
}

template <class T>
void check_control(byte_span bytes, std::int16_t version) {
  (void)codec::decode<T>(bytes, version, 1 << 20);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2)
    return 0;
  const auto choice = data[0];
  const auto input = std::as_bytes(std::span{data + 1, size - 1});
  if (choice < 0x40) {
    check_frame(input);
  } else if (choice < 0xc0) {
    byte_vector framed{std::byte{1}, static_cast<std::byte>((choice - 0x40) % 32), static_cast<std::byte>((choice - 0x40) / 32)};
    framed.insert(framed.end(), input.begin(), input.end());
    check_frame(framed);
  } else if (choice < 0xe0) {
    const auto version = static_cast<std::int16_t>(choice & 1);
    check_control<election::leader_change_message>(input, version);
    check_control<election::voters_record>(input, 0);
    check_control<election::kraft_version_record>(input, 0);
    check_control<election::snapshot_header_record>(input, 0);
  } else if (const auto state = election::parse_quorum_state(as_text(input))) {
    require(election::parse_quorum_state(to_json(*state)) == state);
  }
  return 0;
}
