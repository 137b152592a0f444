#include "cli/log_dump.hpp"

#include "cli/batch_file.hpp"
#include "cli/command.hpp"
#include "cli/json_text.hpp"
#include "cli/log_files.hpp"
#include "cli/time_text.hpp"
#include "metadata/records.hpp"

#include <cinttypes>
#include <cstdio>

namespace cafka::cli {

namespace {

class dumper {
public:
  dumper(const dump_options& how, output& out) : how_(how), out_(out) {}

  void batch(const batch_in_file& found) {
    const auto intact = storage::verify_crc(found.header, found.bytes);
    if (!intact) {
      damaged_ = true;
      report("position " + std::to_string(found.position) + ": " + intact.error().detail);
    }
    how_.json ? batch_json(found, intact.has_value()) : batch_text(found, intact.has_value());
    if (how_.batches_only || !intact)
      return;
    const auto walked = storage::for_each_record(found.bytes, {}, [&](const storage::record_view& record) {
      how_.json ? record_json(found.header, record) : record_text(found.header, record);
      return out_.spill();
    });
    if (!walked) {
      damaged_ = true;
      report("position " + std::to_string(found.position) + ": " + walked.error().to_string());
    }
  }
  [[nodiscard]] bool damaged() const noexcept { return damaged_; }

private:
  void batch_text(const batch_in_file& found, bool intact) {
    const auto& h = found.header;
    char crc[16];
    std::snprintf(crc, sizeof crc, "0x%08x", h.crc);
    auto& out = out_.buffer();
    out += "batch " + std::to_string(h.base_offset) + ".." + std::to_string(h.last_offset()) + "  position " +
           std::to_string(found.position) + "  bytes " + std::to_string(h.size_bytes()) + "  records " + std::to_string(h.record_count) +
           "  epoch " + std::to_string(h.leader_epoch) + "  " + std::string{storage::to_string(h.codec())} + "  crc " + crc +
           (intact ? "" : " WRONG") + "  " + (h.time_type() == storage::timestamp_type::log_append_time ? "appended " : "created ") +
           (h.max_timestamp < 0 ? "unknown" : time_text(h.max_timestamp));
    if (h.producer_id != storage::no_producer_id)
      out += "  producer " + std::to_string(h.producer_id) + '/' + std::to_string(h.producer_epoch) + " sequence " +
             std::to_string(h.base_sequence);
    out += std::string{h.is_transactional() ? "  transactional" : ""} + (h.is_control() ? "  control" : "") + '\n';
    out_.spill();
  }

  void batch_json(const batch_in_file& found, bool intact) {
    const auto& h = found.header;
    auto& out = out_.buffer();
    auto number = [&out](std::string_view name, std::int64_t value) { ((out += ",\"") += name) += "\":" + std::to_string(value); };
    auto flag = [&out](std::string_view name, bool value) { (((out += ",\"") += name) += "\":") += value ? "true" : "false"; };
    out += "{\"batch\":" + std::to_string(h.base_offset);
    number("last_offset", h.last_offset());
    number("position", static_cast<std::int64_t>(found.position));
    number("bytes", static_cast<std::int64_t>(h.size_bytes()));
    number("records", h.record_count);
    number("leader_epoch", h.leader_epoch);
    out += ",\"compression\":\"" + std::string{storage::to_string(h.codec())} + '"';
    number("crc", h.crc);
    flag("crc_is_right", intact);
    flag("log_append_time", h.time_type() == storage::timestamp_type::log_append_time);
    number("base_timestamp", h.base_timestamp);
    number("max_timestamp", h.max_timestamp);
    number("producer_id", h.producer_id);
    number("producer_epoch", h.producer_epoch);
    number("base_sequence", h.base_sequence);
    flag("transactional", h.is_transactional());
    flag("control", h.is_control());
    out += "}\n";
    out_.spill();
  }

  // Metadata or control record in words; empty if it is neither, or cannot be read as one.
  [[nodiscard]] std::string decoded(const storage::batch_header& header, const storage::record_view& record) const {
    if (header.is_control()) {
      constexpr std::string_view types[] = {"abort",           "commit",        "leader change", "snapshot header",
                                            "snapshot footer", "kraft version", "kraft voters"};
      byte_reader key{record.key.value_or(byte_span{})};
      key.read_be<std::int16_t>();
      const auto type = key.read_be<std::int16_t>();
      return key.ok() && type >= 0 && type < 7 ? std::string{"\""} + std::string{types[type]} + '"' : std::string{};
    }
    if (!how_.metadata || !record.value)
      return {};
    const auto known = metadata::decode_record(*record.value);
    return known ? metadata::to_json(known->record, known->version) : std::string{};
  }

  void append_bytes(std::string_view name, const std::optional<byte_span>& bytes) {
    auto& out = out_.buffer();
    out += name;
    if (!bytes) {
      out += "null";
      return;
    }
    auto text = as_text(*bytes);
    const bool cut = how_.max_bytes != 0 && text.size() > how_.max_bytes;
    const bool readable = is_utf8(text);
    if (cut)
      text = text.substr(0, how_.max_bytes);
    while (cut && readable && !is_utf8(text))
      text.remove_suffix(1); // not in the middle of a character
    if (readable) {
      append_json_string(out, text);
    } else {
      out += "base64:";
      append_base64(out, text);
    }
    if (cut)
      out += "… (" + std::to_string(bytes->size()) + " bytes)";
  }

  void record_text(const storage::batch_header& header, const storage::record_view& record) {
    auto& out = out_.buffer();
    out += "  " + std::to_string(record.offset) + "  " + (record.timestamp < 0 ? "unknown" : time_text(record.timestamp));
    if (auto words = decoded(header, record); !words.empty()) {
      out += "  " + words + '\n';
      return;
    }
    append_bytes("  key ", record.key);
    append_bytes("  value ", record.value);
    for (const auto& one : record.headers) {
      out += "  header ";
      out += one.key;
      append_bytes("=", one.value);
    }
    out += '\n';
  }

  void record_json(const storage::batch_header& header, const storage::record_view& record) {
    auto& out = out_.buffer();
    auto field = [&out](std::string_view name, const std::optional<byte_span>& bytes) {
      if (bytes)
        return append_json_bytes(out, name, as_text(*bytes));
      ((out += '"') += name) += "\":null";
    };
    out += "{\"offset\":" + std::to_string(record.offset) + ",\"timestamp\":" + std::to_string(record.timestamp);
    if (auto words = decoded(header, record); !words.empty()) {
      out += (header.is_control() ? ",\"control\":" : ",\"metadata\":") + words + "}\n";
      return;
    }
    out += ',';
    field("key", record.key);
    out += ',';
    field("value", record.value);
    if (!record.headers.empty()) {
      out += ",\"headers\":[";
      for (const auto& one : record.headers) {
        out += &one == record.headers.data() ? "{" : ",{";
        append_json_bytes(out, "key", one.key);
        out += ',';
        field("value", one.value);
        out += '}';
      }
      out += ']';
    }
    out += "}\n";
  }

  const dump_options& how_;
  output& out_;
  bool damaged_ = false;
};

result<bool> dump_batches(storage::file_system& files, const std::string& path, const dump_options& how, output& out) {
  CAFKA_TRY_ASSIGN(source, files.open(path, storage::open_mode::read));
  batch_file batches{*source};
  dumper printer{how, out};
  while (out.ok()) {
    CAFKA_TRY_ASSIGN(found, batches.next());
    if (!found)
      break;
    printer.batch(*found);
  }
  return !printer.damaged();
}

// Entries of fixed size, two numbers each: .index (8 bytes) and .timeindex (12).
result<void> dump_index(storage::file_system& files, const log_file_name& name, const dump_options& how, output& out) {
  CAFKA_TRY_ASSIGN(source, files.open(name.path(), storage::open_mode::read));
  const bool is_time = name.suffix == ".timeindex";
  const std::size_t entry_bytes = is_time ? 12 : 8;
  const auto base = name.base_offset.value_or(0);
  byte_vector block(entry_bytes * 8192);
  for (std::uint64_t position = 0; out.ok();) {
    CAFKA_TRY_ASSIGN(count, source->read_at(position, block));
    if (count < entry_bytes)
      break;
    byte_reader entries{byte_span{block.data(), count - count % entry_bytes}};
    position += count - count % entry_bytes;
    while (entries.remaining() != 0) {
      const auto timestamp = is_time ? entries.read_be<std::int64_t>() : 0;
      const auto offset = base + entries.read_be<std::int32_t>();
      const auto place = is_time ? 0 : entries.read_be<std::int32_t>();
      const auto offset_text = std::to_string(offset);
      if (how.json)
        out.write(is_time ? "{\"timestamp\":" + std::to_string(timestamp) + ",\"offset\":" + offset_text + "}\n"
                          : "{\"offset\":" + offset_text + ",\"position\":" + std::to_string(place) + "}\n");
      else
        out.write(is_time ? "timestamp " + std::to_string(timestamp) + "  offset " + offset_text + '\n'
                          : "offset " + offset_text + "  position " + std::to_string(place) + '\n');
    }
  }
  return {};
}

bool dump_file(storage::file_system& files, const std::string& path, dump_options how, output& out) {
  const auto name = parse_log_file_name(path);
  how.metadata = how.metadata || is_metadata_directory(name.directory);
  result<bool> whole{true};
  if (name.suffix == ".index" || name.suffix == ".timeindex") {
    if (auto done = dump_index(files, name, how, out); !done)
      whole = tl::unexpected{done.error()};
  } else if (name.suffix == ".log" || (name.base_offset && name.suffix == ".checkpoint") || name.suffix == ".deleted") {
    whole = dump_batches(files, path, how, out);
  } else {
    auto text = files.read_text(path, 16 << 20);
    if (text)
      out.write(*text);
    else
      whole = tl::unexpected{text.error()};
  }
  out.flush();
  if (!whole)
    report(path + ": " + whole.error().detail);
  return whole && *whole;
}

} // namespace

bool dump_path(storage::file_system& files, const std::string& path, dump_options how, output& out) {
  const auto entry = files.stat(path);
  if (!entry) {
    report(entry.error());
    return false;
  }
  if (!entry->is_directory)
    return dump_file(files, path, how, out);
  const auto entries = files.list(path);
  if (!entries) {
    report(entries.error());
    return false;
  }
  bool whole = true;
  bool any = false;
  for (const auto& one : *entries) {
    const auto name = parse_log_file_name(one.name);
    if (one.is_directory || !name.base_offset || name.suffix != ".log")
      continue;
    any = true;
    whole = dump_file(files, path + '/' + one.name, how, out) && whole;
  }
  if (!any)
    report(path + ": holds no .log file");
  return whole && any;
}

} // namespace cafka::cli
