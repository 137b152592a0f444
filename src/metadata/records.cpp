#include "metadata/records.hpp"

#include "storage/record_batch.hpp"

#include <array>
#include <utility>

namespace cafka::metadata {

namespace {

constexpr std::uint32_t frame_version = 1;
constexpr std::size_t known_types = std::variant_size_v<metadata_record> - 1; // unknown_record is the last

// Calls visit.operator()<T>() for each type of the variant that is described, until one returns true.
template <class Visit>
bool any_known_type(Visit&& visit) {
  return [&]<std::size_t... I>(std::index_sequence<I...>) {
    return (visit.template operator()<std::variant_alternative_t<I, metadata_record>>() || ...);
  }(std::make_index_sequence<known_types>{});
}

// "TopicRecord" → "TOPIC_RECORD"
std::string upper_snake(std::string_view name) {
  std::string text;
  for (const char c : name) {
    if (c >= 'A' && c <= 'Z' && !text.empty())
      text += '_';
    text += c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return text;
}

struct choose {
  std::int16_t operator()(const register_broker_record& r) const { return r.cordoned_directories ? 4 : 3; }
  std::int16_t operator()(const broker_registration_change_record& r) const { return r.cordoned_directories ? 3 : 2; }
  std::int16_t operator()(const partition_record& r) const { return r.eligible_leader_replicas || r.last_known_elr ? 2 : 1; }
  std::int16_t operator()(const partition_change_record& r) const { return r.eligible_leader_replicas || r.last_known_elr ? 2 : 1; }
  std::int16_t operator()(const unknown_record& r) const { return static_cast<std::int16_t>(r.version); }
  std::int16_t operator()(const codec::message auto&) const { return 0; }
};
} // namespace

std::int16_t version_to_write(const metadata_record& record) { return std::visit(choose{}, record); }

void encode_record(const metadata_record& record, byte_vector& out) { encode_record(record, version_to_write(record), out); }

void encode_record(const metadata_record& record, std::int16_t version, byte_vector& out) {
  byte_writer frame{out};
  frame.write_unsigned_varint(frame_version);
  std::visit(
      [&]<class T>(const T& value) {
        if constexpr (std::same_as<T, unknown_record>) {
          frame.write_unsigned_varint(value.api_key);
          frame.write_unsigned_varint(value.version);
          frame.write_bytes(value.body);
        } else {
          frame.write_unsigned_varint(static_cast<std::uint32_t>(T::info.api_key));
          frame.write_unsigned_varint(static_cast<std::uint32_t>(version));
          codec::encode(value, version, out);
        }
      },
      record);
}

result<framed_record> decode_record(byte_span value) {
  byte_reader in{value};
  const auto found_frame_version = in.read_unsigned_varint();
  const auto api_key = in.read_unsigned_varint();
  const auto version = in.read_unsigned_varint();
  if (!in.ok() || found_frame_version != frame_version || version > 0x7fff)
    return fail(errc::bad_format, "a metadata record of " + std::to_string(value.size()) + " bytes has no frame of version 1");
  const auto body = value.subspan(in.position());
  framed_record decoded{unknown_record{api_key, version, byte_vector(body.begin(), body.end())}, static_cast<std::int16_t>(version)};
  result<void> read;
  any_known_type([&]<class T>() {
    if (static_cast<std::uint32_t>(T::info.api_key) != api_key)
      return false;
    if (T::info.valid.contains(decoded.version)) // else a newer writer's: kept as bytes
      read = codec::decode_all_into(decoded.record.emplace<T>(), body, decoded.version);
    return true;
  });
  CAFKA_TRY(read);
  return decoded;
}

std::string type_name(const metadata_record& record) {
  return std::visit(
      []<class T>(const T& value) -> std::string {
        if constexpr (std::same_as<T, unknown_record>) {
          auto name = "record type " + std::to_string(value.api_key);
          any_known_type([&]<class Known>() {
            if (static_cast<std::uint32_t>(Known::info.api_key) != value.api_key)
              return false;
            name = std::string{Known::info.name} + " version " + std::to_string(value.version);
            return true;
          });
          return name;
        } else {
          return std::string{T::info.name};
        }
      },
      record);
}

std::string to_json(const metadata_record& record, std::int16_t version) {
  std::string type, data;
  std::visit(
      [&]<class T>(const T& value) {
        if constexpr (std::same_as<T, unknown_record>) {
          type = std::to_string(value.api_key);
          codec::print_base64(value.body, data);
        } else {
          type = '"' + upper_snake(T::info.name) + '"';
          data = codec::to_json(value, version);
        }
      },
      record);
  return "{\"type\":" + type + ",\"version\":" + std::to_string(version) + ",\"data\":" + data + '}';
}

std::string record_schemas_json() {
  std::string text;
  any_known_type([&]<class T>() {
    text += (text.empty() ? "[" : ",\n") + codec::to_json(codec::schema_of<T>());
    return false;
  });
  return text + "]";
}

result<byte_vector> build_record_batch(std::span<const metadata_record> records, std::int64_t base_offset, std::int32_t leader_epoch,
                                       std::int64_t timestamp_ms) {
  storage::batch_builder builder;
  byte_vector value;
  for (const auto& record : records) {
    value.clear();
    encode_record(record, value);
    builder.add(timestamp_ms, std::nullopt, byte_span{value});
  }
  byte_vector batch;
  storage::batch_builder::fields with;
  with.base_offset = base_offset;
  with.leader_epoch = leader_epoch;
  CAFKA_TRY(builder.build(with, batch));
  return batch;
}

result<void> for_each_metadata_record(byte_span batch, const std::function<void(std::int64_t offset, framed_record record)>& visit) {
  CAFKA_TRY_ASSIGN(header, storage::parse_batch_header(batch));
  if (header.is_control())
    return {};
  result<void> outcome;
  CAFKA_TRY(storage::for_each_record(batch, {}, [&](const storage::record_view& record) {
    if (!record.value) {
      outcome = fail(errc::bad_format, "the metadata record at offset " + std::to_string(record.offset) + " has no value");
      return false;
    }
    auto decoded = decode_record(*record.value);
    if (!decoded) {
      outcome = fail(decoded.error().code, "metadata record at offset " + std::to_string(record.offset) + ": " + decoded.error().detail);
      return false;
    }
    visit(record.offset, std::move(*decoded));
    return true;
  }));
  return outcome;
}

} // namespace cafka::metadata
