// SPDX-License-Identifier: Apache-2.0
#include "blindbox/model/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "blindbox/model/checkpoint.h"

namespace blindbox::model {
namespace {

using ::testing::HasSubstr;

Bytes file_of(std::string header, std::size_t data) {
  Bytes out;
  for (unsigned i = 0; i < 8; ++i) out.push_back(static_cast<std::byte>(header.size() >> (8 * i) & 0xFFU));
  const ByteView text = base::view(header);
  out.insert(out.end(), text.begin(), text.end());
  out.resize(out.size() + data);
  return out;
}

Result<std::vector<SafeTensor>> read(const std::string& header, std::size_t data) {
  const Bytes file = file_of(header, data);
  return read_safetensors_header(file, file.size());
}

void expect_refused(const std::string& header, std::size_t data, const std::string& why) {
  const auto found = read(header, data);
  ASSERT_FALSE(found) << header;
  EXPECT_EQ(found.error().kind, ErrorKind::malformed);
  EXPECT_THAT(found.error().what, HasSubstr(why));
}

TEST(Safetensors, TensorsInTheOrderOfTheFile) {
  const auto found = read(R"({"__metadata__":{"format":"pt"},
      "a":{"dtype":"F32","shape":[1],"data_offsets":[12,16]},
      "b":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]}})",
                          16);
  ASSERT_TRUE(found) << found.error().what;
  ASSERT_EQ(found->size(), 2U);
  EXPECT_EQ((*found)[0].name, "b");
  EXPECT_EQ((*found)[0].dtype, Dtype::bf16);
  EXPECT_EQ((*found)[0].shape, (std::vector<std::uint64_t>{2, 3}));
  EXPECT_EQ((*found)[1].begin - (*found)[0].begin, 12U);
}

TEST(Safetensors, PlacesThatCannotBe) {
  const std::string b = R"("b":{"dtype":"F16","shape":[2],"data_offsets":[)";
  expect_refused("{" + b + "0,4]}}", 3, "outside the file");
  expect_refused("{" + b + "4,0]}}", 4, "outside the file");
  expect_refused("{" + b + "0,3]}}", 3, "as large as its shape");
  expect_refused("{" + b + "0,4]}}", 5, "end before the file");
  expect_refused("{" + b + "1,5]}}", 5, "gap");
  expect_refused("{" + b + R"(0,4]},"c":{"dtype":"F16","shape":[2],"data_offsets":[2,6]}})", 6, "overlap");
  expect_refused("{" + b + "0,4]}," + b + "0,4]}}", 4, "key twice");
  expect_refused("{" + b + "-1,4]}}", 4, "outside the file");
  expect_refused("{" + b + "0,4.0]}}", 4, "outside the file");
  expect_refused("{" + b + "0,18446744073709551615]}}", 4, "outside the file");
}

TEST(Safetensors, ShapesAndTypesThatCannotBe) {
  expect_refused(R"({"b":{"dtype":"F16","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0, "impossible");
  expect_refused(R"({"b":{"dtype":"F17","shape":[2],"data_offsets":[0,4]}})", 4, "unknown type");
  expect_refused(R"({"b":{"dtype":"F16","shape":[2],"data_offsets":[0,4],"code":1}})", 4, "other members");
  expect_refused(R"({"b":{"dtype":"F16","shape":[1,1,1,1,1,1,1,1,2],"data_offsets":[0,4]}})", 4, "dimensions");
  expect_refused(R"([])", 0, "does not begin");
  expect_refused(R"({"b":)", 0, "not JSON");
}

TEST(Safetensors, HeaderThatDoesNotFit) {
  Bytes file = file_of("{}", 0);
  file[0] = std::byte{3};
  EXPECT_FALSE(read_safetensors_header(file, file.size()));
  file[4] = std::byte{1};
  const auto found = read_safetensors_header(file, file.size());
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, ErrorKind::limit);
  EXPECT_FALSE(read_safetensors_header(ByteView(file).first(7), 7));
}

TEST(WeightMap, NamesOfFilesAlone) {
  const auto read_map = [](const std::string& file) {
    return read_weight_map(base::view(R"({"weight_map":{"a":")" + file + R"("}})"));
  };
  EXPECT_EQ(read_map("model-1.safetensors")->at("a"), "model-1.safetensors");
  for (const char* const bad :
       {"../model.safetensors", "/etc/model.safetensors", "a.bin", ".safetensors", "a\\\\b.safetensors"}) {
    EXPECT_FALSE(read_map(bad)) << bad;
  }
  EXPECT_FALSE(read_weight_map(base::view(R"({"weight_map":{}})")));
}

}  // namespace
}  // namespace blindbox::model
