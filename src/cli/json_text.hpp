// Pieces of JSON, appended to a string. For output by the million; what is printed once may use the JSON library.
#pragma once
#include <string>
#include <string_view>

namespace cafka::cli {

bool is_utf8(std::string_view bytes) noexcept;
// With quotes. `text` must be UTF-8.
void append_json_string(std::string& out, std::string_view text);
// Standard base64 with padding, no quotes.
void append_base64(std::string& out, std::string_view bytes);
// "name":"text", or "name_base64":"…" where the bytes are not UTF-8, so that nothing is lost.
void append_json_bytes(std::string& out, std::string_view name, std::string_view bytes);

} // namespace cafka::cli
