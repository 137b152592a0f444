// Random records and batches for property tests, from a seed.
#pragma once
#include "base/prng.hpp"
#include "storage/record_batch.hpp"
#include "support/plain_batch_reader.hpp"

namespace cafka::test {

inline constexpr storage::compression all_codecs[] = {storage::compression::none, storage::compression::gzip, storage::compression::snappy,
                                                      storage::compression::lz4, storage::compression::zstd};

std::string random_text(prng& chance, std::size_t longest);
// `record.offset` is consecutive from 0, or rises with gaps when `gaps`.
std::vector<plain_record> random_records(prng& chance, std::size_t count, bool gaps = false);
byte_vector build_batch(const std::vector<plain_record>& records, storage::compression codec,
                        const storage::batch_builder::fields& with = {});
// What for_each_record shows, as plain records.
result<std::vector<plain_record>> walk_batch(byte_span batch, const storage::walk_options& options = {});
// Writes the CRC that the bytes have.
void repair_crc(mutable_byte_span batch);

} // namespace cafka::test
