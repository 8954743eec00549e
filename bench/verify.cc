// SPDX-License-Identifier: Apache-2.0
// A full verification of real evidence beside the OpenSSL operations that it cannot do without: parsing three
// certificates, hashing their keys, three RSA-4096 PSS verifications and one of ECDSA P-384.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <sys/resource.h>

#include <array>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <map>
#include <thread>

#include "allocations.h"
#include "blindbox/base/file.h"
#include "blindbox/endorsements/collateral_memo.h"
#include "blindbox/verifier/verify.h"
#include "measure.h"

namespace blindbox::bench {
namespace {

using evidence::sev_snp::Product;

struct Case {
  const char* name;
  const char* folder;
  const char* roots;
  Product product;
  const char* at;  // a date at which the certificates are valid
};
constexpr int kRepetitions = 25;
constexpr std::array kCases = {Case{"milan", "milan-v3-aci-svn101-tav", "milan", Product::milan, "2026-03-01"},
                               Case{"genoa", "genoa-v3-aci-tav", "genoa", Product::genoa, "2026-03-01"},
                               Case{"turin", "turin-v5-aci-tav", "turin", Product::turin, "2026-03-01"}};

std::filesystem::path vectors() {
  const char* configured = std::getenv("BLINDBOX_VECTORS");
  const auto root = configured != nullptr ? std::filesystem::path(configured)
                                          : std::filesystem::path(BLINDBOX_SOURCE_DIR) / "../shared/vectors";
  return root / "evidence" / "sev-snp";
}

struct Loaded {
  evidence::Evidence evidence;
  policy::Policy policy;
  ByteArray<64> report_data{};
  base::Time at{};
};

Loaded load(const Case& row) {
  const auto read = [](const std::string& name) {
    return take(base::read_file((vectors() / name).string(), std::size_t{1} << 20));
  };
  Loaded out;
  out.evidence.report = read(std::string(row.folder) + "/report.bin");
  out.evidence.certificates = {read(std::string(row.folder) + "/vcek.der"),
                               read("_roots/" + std::string(row.roots) + "_ask.der"),
                               read("_roots/" + std::string(row.roots) + "_ark.der")};
  const auto report = take(evidence::sev_snp::parse_report(out.evidence.report));
  out.report_data = report.report_data;
  out.policy.sev_snp.products[row.product] = {};
  out.policy.sev_snp.measurements = {{report.measurement}};
  out.at = take(base::from_iso8601(row.at));
  return out;
}

void verify(benchmark::State& state, const Loaded& loaded) {
  const verifier::Subject subject{.evidence = loaded.evidence, .expected_report_data = loaded.report_data};
  for (auto _ : state) {
    endorsements::forget_collateral();  // the raw operations remember nothing either
    const auto verdict = verifier::verify(subject, loaded.policy, loaded.at);
    require(verdict.accepted(), verdict.accepted() ? "" : verdict.refusal().what);
  }
}

// A second connection to the same machine: its certificates are known, its report is not.
void verify_again(benchmark::State& state, const Loaded& loaded) {
  const verifier::Subject subject{.evidence = loaded.evidence, .expected_report_data = loaded.report_data};
  for (auto _ : state) require(verifier::verify(subject, loaded.policy, loaded.at).accepted(), "refused");
}

// Verifications a second by so many threads, each of a first connection.
double rate(const Loaded& loaded, unsigned threads) {
  constexpr std::chrono::milliseconds kSpan{700};
  const verifier::Subject subject{.evidence = loaded.evidence, .expected_report_data = loaded.report_data};
  std::atomic<std::uint64_t> done{0};
  const auto begin = std::chrono::steady_clock::now();
  {
    std::vector<std::jthread> pool;
    for (unsigned i = 0; i < threads; ++i) {
      pool.emplace_back([&] {
        while (std::chrono::steady_clock::now() - begin < kSpan) {
          endorsements::forget_collateral();
          require(verifier::verify(subject, loaded.policy, loaded.at).accepted(), "refused");
          ++done;
        }
      });
    }
  }
  const std::chrono::duration<double> span = std::chrono::steady_clock::now() - begin;
  return static_cast<double>(done.load()) / span.count();
}

void print_memory(const Loaded& loaded) {
  const verifier::Subject subject{.evidence = loaded.evidence, .expected_report_data = loaded.report_data};
  const auto judge = [&] { require(verifier::verify(subject, loaded.policy, loaded.at).accepted(), "refused"); };
  for (const bool first : {true, false}) {
    if (first) endorsements::forget_collateral();
    const Allocations before = allocations();
    judge();
    const Allocations after = allocations();
    fmt::print("{} verification: {} allocations, {} KiB in all\n", first ? "first" : "another",
               after.count - before.count, (after.bytes - before.bytes) >> 10);
  }
  rusage usage{};
  (void)::getrusage(RUSAGE_SELF, &usage);
  fmt::print("peak memory of this program: {} MiB\n", usage.ru_maxrss >> 10);
}

using X509Ptr = std::unique_ptr<X509, decltype(&X509_free)>;
using Chain = std::array<X509Ptr, 3>;  // leaf, intermediate, root

Chain parse(const evidence::Evidence& evidence) {
  const auto one = [](const Bytes& der) {
    const unsigned char* cursor = base::uchars(der);
    return X509Ptr(d2i_X509(nullptr, &cursor, static_cast<long>(der.size())), &X509_free);
  };
  const auto& certificates = evidence.certificates;
  return {one(certificates[0]), one(certificates[1]), one(certificates[2])};
}

void hash_keys(const Chain& chain) {
  for (const X509Ptr& x509 : chain) {
    unsigned char* der = nullptr;
    const int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x509.get()), &der);
    require(length > 0, "a certificate has no key");
    benchmark::DoNotOptimize(base::sha256(std::as_bytes(std::span(der, static_cast<std::size_t>(length)))));
    OPENSSL_free(der);
  }
}

void verify_chain(const Chain& chain) {
  for (const std::size_t i : {std::size_t{0}, std::size_t{1}, std::size_t{2}}) {
    const X509Ptr& issuer = chain[std::min<std::size_t>(i + 1, 2)];
    require(X509_verify(chain[i].get(), X509_get0_pubkey(issuer.get())) == 1, "a certificate does not verify");
  }
}

// The report's little-endian r and s (AMD 56860, Table 139) in OpenSSL's form.
std::vector<unsigned char> der_signature(const Bytes& report) {
  const unsigned char* at = base::uchars(report) + evidence::sev_snp::kSignedSize;
  ECDSA_SIG* signature = ECDSA_SIG_new();
  require(ECDSA_SIG_set0(signature, BN_lebin2bn(at, 72, nullptr), BN_lebin2bn(at + 72, 72, nullptr)) == 1,
          "no signature");
  std::vector<unsigned char> der(static_cast<std::size_t>(i2d_ECDSA_SIG(signature, nullptr)));
  unsigned char* cursor = der.data();
  (void)i2d_ECDSA_SIG(signature, &cursor);
  ECDSA_SIG_free(signature);
  return der;
}

void verify_report(const Bytes& report, X509* leaf) {
  const std::vector<unsigned char> signature = der_signature(report);
  EVP_MD_CTX* const context = EVP_MD_CTX_new();
  const bool good = EVP_DigestVerifyInit(context, nullptr, EVP_sha384(), nullptr, X509_get0_pubkey(leaf)) == 1 &&
                    EVP_DigestVerify(context, signature.data(), signature.size(), base::uchars(report),
                                     evidence::sev_snp::kSignedSize) == 1;
  EVP_MD_CTX_free(context);
  require(good, "the report does not verify");
}

// Everything raw in a row, as a verification meets it: nothing is warm from the time before.
void raw(benchmark::State& state, const Loaded& loaded) {
  for (auto _ : state) {
    const Chain chain = parse(loaded.evidence);
    hash_keys(chain);
    verify_chain(chain);
    verify_report(loaded.evidence.report, chain[0].get());
  }
}
void raw_parse(benchmark::State& state, const Loaded& loaded) {
  for (auto _ : state) hash_keys(parse(loaded.evidence));
}
void raw_rsa(benchmark::State& state, const Loaded& loaded) {
  const Chain chain = parse(loaded.evidence);
  for (auto _ : state) verify_chain(chain);
}
void raw_p384(benchmark::State& state, const Loaded& loaded) {
  const Chain chain = parse(loaded.evidence);
  for (auto _ : state) verify_report(loaded.evidence.report, chain[0].get());
}

// Keeps the medians of the repetitions, in microseconds of CPU.
class Medians : public benchmark::BenchmarkReporter {
 public:
  bool ReportContext(const Context&) override { return true; }
  void ReportRuns(const std::vector<Run>& runs) override {
    for (const Run& run : runs) {
      if (run.aggregate_name == "median") microseconds_[run.run_name.function_name] = run.GetAdjustedCPUTime();
    }
  }
  [[nodiscard]] double operator[](const std::string& name) const { return microseconds_.at(name); }

 private:
  std::map<std::string, double> microseconds_;
};

void add(const std::string& name, void (*run)(benchmark::State&, const Loaded&), const Loaded& loaded) {
  benchmark::RegisterBenchmark(name.c_str(), [run, &loaded](benchmark::State& state) { run(state, loaded); })
      ->Unit(benchmark::kMicrosecond)
      ->Repetitions(kRepetitions)
      ->MinTime(0.02)
      ->ReportAggregatesOnly();
}

}  // namespace
}  // namespace blindbox::bench

int main() {
  using namespace blindbox::bench;
  count_openssl_allocations();
  if (!std::filesystem::is_directory(vectors())) {
    fmt::print("SKIPPED: no real evidence at hand; set BLINDBOX_VECTORS to the folder that holds it\n");
    return 0;
  }
  std::string program = "verify", interleave = "--benchmark_enable_random_interleaving=true";
  std::array arguments = {program.data(), interleave.data()};
  int count = static_cast<int>(arguments.size());
  benchmark::Initialize(&count, arguments.data());
  std::map<std::string, Loaded> loaded;
  for (const Case& row : kCases) {
    const Loaded& evidence = loaded[row.name] = load(row);
    add(std::string(row.name) + " full", verify, evidence);
    add(std::string(row.name) + " again", verify_again, evidence);
    add(std::string(row.name) + " raw", raw, evidence);
    add(std::string(row.name) + " parse", raw_parse, evidence);
    add(std::string(row.name) + " rsa", raw_rsa, evidence);
    add(std::string(row.name) + " p384", raw_p384, evidence);
  }
  Medians medians;
  benchmark::RunSpecifiedBenchmarks(&medians);
  fmt::print("microseconds of CPU, medians of {} repetitions in turns\n", kRepetitions);
  fmt::print("         full  again   raw OpenSSL: all  3 certificates parsed  3 RSA-4096 PSS  1 ECDSA P-384\n");
  for (const Case& row : kCases) {
    const auto of = [&](const char* what) { return medians[std::string(row.name) + what]; };
    fmt::print("  {}  {:5.0f}  {:5.0f}  {:16.0f}  {:21.0f}  {:14.0f}  {:13.0f}\n", row.name, of(" full"), of(" again"),
               of(" raw"), of(" parse"), of(" rsa"), of(" p384"));
  }
  for (const Case& row : kCases) {
    const double full = medians[std::string(row.name) + " full"];
    closing_line(std::string(row.name) + ": full verification / raw OpenSSL operations",
                 full / medians[std::string(row.name) + " raw"], "x", Target::at_most, 1.10);
  }
  const Loaded& milan = loaded["milan"];
  const double one = rate(milan, 1), two = rate(milan, 2);
  fmt::print("verifications a second: {:.0f} by one thread, {:.0f} by two ({:.2f} x)\n", one, two, two / one);
  print_memory(milan);
}
