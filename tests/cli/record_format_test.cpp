#define CAF_SUITE record_format
#include "cli/record_format.hpp"

#include <caf/test/dsl.hpp>
#include <nlohmann/json.hpp>

using namespace cafka;
using namespace cafka::cli;

namespace {

client::record sample(std::span<const client::header> headers = {}) {
  client::record record;
  record.topic = "인사";
  record.partition = 3;
  record.offset = 1234567890123;
  record.timestamp = 1700000000000;
  record.key = "ko";
  record.value = "안녕";
  record.headers = headers;
  return record;
}

std::string shown(std::string_view format, const client::record& record, std::string null_text = "") {
  auto parsed = record_format::parse(format, std::move(null_text));
  if (!parsed)
    return parsed.error().detail;
  std::string out;
  parsed->append(out, record);
  return out;
}

std::string json(const client::record& record) {
  std::string out;
  record_format::json().append(out, record);
  return out;
}

} // namespace

CAF_TEST(every letter) {
  CAF_CHECK_EQUAL(shown("%t[%p]@%o %T %k=%s %K %S 100%%\\n", sample()), "인사[3]@1234567890123 1700000000000 ko=안녕 2 6 100%\n");
  const client::header headers[] = {{"a", "1"}, {"b", std::nullopt}, {"a", ""}};
  CAF_CHECK_EQUAL(shown("%h", sample(headers), "NULL"), "a=1,b=NULL,a=");
  CAF_CHECK_EQUAL(shown("%R", sample()), std::string("\0\0\0\6", 4));
}

CAF_TEST(null is not empty) {
  auto record = sample();
  record.key = std::nullopt;
  record.value = "";
  CAF_CHECK_EQUAL(shown("%k|%K|%s|%S", record, "-"), "-|-1||0");
  record.value = std::nullopt;
  CAF_CHECK_EQUAL(shown("%s%R", record), std::string("\xff\xff\xff\xff", 4));
}

CAF_TEST(escapes) {
  CAF_CHECK_EQUAL(shown("a\\tb\\r\\n\\\\\\x41\\xff\\0", sample()), std::string("a\tb\r\n\\A\xff\0", 9));
  CAF_CHECK_EQUAL(shown("\\q", sample()), "'\\q' at 1: expected \\n \\r \\t \\0 \\\\ or \\xHH");
  CAF_CHECK_EQUAL(shown("ab\\x4", sample()), "'\\x4' at 3: expected \\n \\r \\t \\0 \\\\ or \\xHH");
  CAF_CHECK_EQUAL(shown("a\\", sample()), "'\\' at 2: expected \\n \\r \\t \\0 \\\\ or \\xHH");
  CAF_CHECK_EQUAL(shown("ab%z", sample()), "'%z' at 3: expected one of %t %p %o %T %h %k %K %s %S %R %%");
  CAF_CHECK_EQUAL(shown("%", sample()), "'%' at 1: expected one of %t %p %o %T %h %k %K %s %S %R %%");
}

CAF_TEST(json loses nothing) {
  const client::header headers[] = {{"h\"1", "x\n"}, {"n", std::nullopt}, {"bin", std::string_view{"\xff\0\1", 3}}};
  auto record = sample(headers);
  record.value = std::string_view{"\xc3\x28\x00\x01", 4};
  const auto text = json(record);
  CAF_CHECK_EQUAL(text.back(), '\n');
  const auto parsed = nlohmann::json::parse(text);
  CAF_CHECK_EQUAL(parsed["topic"].get<std::string>(), "인사");
  CAF_CHECK_EQUAL(parsed["partition"].get<int>(), 3);
  CAF_CHECK_EQUAL(parsed["offset"].get<std::int64_t>(), 1234567890123);
  CAF_CHECK_EQUAL(parsed["key"].get<std::string>(), "ko");
  CAF_CHECK_EQUAL(parsed["value_base64"].get<std::string>(), "wygAAQ==");
  CAF_CHECK(!parsed.contains("value"));
  CAF_CHECK_EQUAL(parsed["headers"][0]["key"].get<std::string>(), "h\"1");
  CAF_CHECK_EQUAL(parsed["headers"][0]["value"].get<std::string>(), "x\n");
  CAF_CHECK(parsed["headers"][1]["value"].is_null());
  CAF_CHECK_EQUAL(parsed["headers"][2]["value_base64"].get<std::string>(), "/wAB");
  record.value = std::nullopt;
  record.headers = {};
  CAF_CHECK(nlohmann::json::parse(json(record))["value"].is_null());
}
