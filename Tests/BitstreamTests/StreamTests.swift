import Bitstream
import Codec
import Foundation
import Storage
import SystemPackage
import TestSupport
import Testing

/// Streams of others and of x264 beside libavcodec: slices end right, QP and vectors are equal, and every inter
/// macroblock is its prediction from the true references plus the coded residual.
@Suite struct StreamTests {
    static let whole = [
        "edge264_poc-out-of-order.264", "edge264_pos-frame-num-idr.264", "frext_FRExt1_Panasonic.avc",
        "frext_FRExt3_Panasonic.avc", "frext_FRExt_MMCO4_Sony_B.264", "frext_Freh12_B.264", "frext_Freh1_B.264",
        "frext_Freh2_B.264", "frext_HCAFR1_HHI.264", "frext_HCAFR2_HHI.264", "frext_HCAFR3_HHI.264",
        "frext_freh3.264", "jcodec_cabac_i16x16_2_32x32.264", "jcodec_cabac_i16x16_4_32x32.264",
        "jcodec_cabac_i8x8_64x64_1.264", "jcodec_cabac_i8x8_64x64_3.264", "jcodec_cabac_iNxN_1_16x16.264",
        "jcodec_cabac_iNxN_3_32x32_2.264", "jcodec_cabac_iNxN_5_32x32_4.264", "jcodec_cabac_mixed_2_64x64_2.264",
        "jcodec_cabac_mixed_4_64x64_4.264", "jcodec_cabac_p_2_seq.264", "jcodec_cabac_test_b_16x16.264",
        "jcodec_cabac_test_b_4x4.264", "jcodec_cabac_test_b_8x16.264", "jcodec_cabac_test_b_8x8.264",
        "jcodec_cabac_test_bi_mix_ref.264", "jcodec_cabac_test_spat_direct.264", "jcodec_cavlc_i16x16_420_16x16.264",
        "jcodec_cavlc_i16x16_420_2_32x32_2.264", "jcodec_cavlc_i16x16_420_4_32x32_4.264",
        "jcodec_cavlc_i8x8_64x64_2.264", "jcodec_cavlc_i8x8_64x64_4.264", "jcodec_cavlc_iNxN_2_32x32_1.264",
        "jcodec_cavlc_iNxN_4_32x32_3.264", "jcodec_cavlc_mixed_1_64x64_1.264", "jcodec_cavlc_mixed_3_64x64_3.264",
        "jcodec_cavlc_p_1_seq.264", "jcodec_cavlc_test_b_16x16_cavlc.264", "jcodec_cavlc_test_b_4x4_cavlc.264",
        "jcodec_cavlc_test_b_8x16_cavlc.264", "jcodec_cavlc_test_b_8x8_cavlc.264",
        "jcodec_cavlc_test_bi_spat_direct_cavlc.264", "jcodec_cavlc_test_long_term_cavlc.264",
        "jcodec_iframe_nocabac.264", "jcodec_iframe_t8x8_nocabac.264", "jcodec_scale_list.264",
        "jcodec_seq_flat_10slices_test.264", "jcodec_test_cat1.h264", "jcodec_test_cat3.h264",
        "openh264_BA1_FT_C.264", "openh264_BAMQ1_JVC_C.264", "openh264_BANM_MW_D.264", "openh264_BA_MW_D.264",
        "openh264_CI1_FT_B.264", "openh264_CI_MW_D.264", "openh264_Cisco_Men_whisper_640x320_CABAC_Bframe_9.264",
        "openh264_Cisco_Men_whisper_640x320_CAVLC_Bframe_9.264", "openh264_MIDR_MW_D.264", "openh264_MPS_MW_A.264",
        "openh264_MR1_BT_A.h264", "openh264_NL1_Sony_D.jsv", "openh264_NRF_MW_E.264",
        "openh264_QCIF_2P_I_allIPCM.264", "openh264_SVA_BA1_B.264", "openh264_SVA_BA2_D.264",
        "openh264_SVA_CL1_E.264", "openh264_SVA_FM1_E.264", "openh264_SVA_NL1_B.264",
        "openh264_test_qcif_cabac.264", "openh264_test_scalinglist_jm.264",
    ]

    @Test(.requires(.sharedStreams), arguments: whole)
    func agreesWithLibavcodec(_ name: String) throws {
        let check = try StreamCheck(sharedStream(name))
        #expect(check.holds && check.missing == 0 && check.macroblocks > 0, "\(check)")
    }

    @Test(
        .requires(.realClips("mma_demo.mp4", "tc_nasa_13013.mp4", "mvx_vid_h264.mp4")),
        arguments: ["mma_demo.mp4", "tc_nasa_13013.mp4", "mvx_vid_h264.mp4"])
    func agreesOnRealClips(_ name: String) throws {
        let check = try StreamCheck(FilePath(realClip(name)))
        #expect(check.holds && check.missing == 0 && check.identity.count > 60_000, "\(check)")
    }

    @Test(arguments: [
        "bframes-4refs.mp4", "one-reference.mp4", "cropped.mp4", "variable-rate.mkv", "two-streams.mkv",
        "full-range.mp4", "open-gop.h264", "size-change.h264",
    ])
    func agreesOnFixtures(_ name: String) throws {
        let check = try StreamCheck(repository.appending("fixtures").appending(name))
        #expect(check.holds && check.missing == 0 && check.identity.count > 300, "\(check)")
    }

    /// What x264 makes where it is told to use a feature, with noise so that every tool has work.
    @Test(arguments: [
        "cabac=0:ref=3:bframes=0:partitions=all:8x8dct=0", "cabac=0:bframes=3:direct=temporal:partitions=all",
        "cabac=1:ref=4:bframes=3:direct=spatial:partitions=all:weightb=1", "direct=temporal:bframes=4:b-pyramid=normal",
        "direct=auto:bframes=3:ref=5:weightp=2:slices=4", "cqm=jvt:8x8dct=1:bframes=2", "qp=0:bframes=2",
        "qp=0:cabac=0:bframes=0", "qp=1:bframes=1:partitions=all", "qp=2:cabac=0", "constrained-intra=1:bframes=2",
        "intra-refresh=1:bframes=0:keyint=30", "bframes=2:open-gop=1:keyint=6:min-keyint=6", "chroma-qp-offset=-7",
        "slice-max-size=200:bframes=1", "fake-interlaced=1:bframes=2", "ref=16:bframes=0:weightp=2:rc-lookahead=4",
    ])
    func agreesOnX264(_ options: String) throws {
        try Self.withStream(options, "yuv420p") { path in
            let check = try StreamCheck(path)
            #expect(check.holds && check.missing == 0 && check.pictures == 20, "\(check)")
            #expect(check.identity.count > 200 && check.vectors.count > 400, "\(check)")
        }
    }

    @Test(arguments: ["cabac=0:bframes=2", "cabac=1:bframes=2:8x8dct=1"])
    func agreesOnGrey(_ options: String) throws {
        try Self.withStream(options, "gray") { path in
            let check = try StreamCheck(path)
            #expect(check.holds && check.pictures == 20 && check.identity.count > 200, "\(check)")
        }
    }

    @Test(.requires(.sharedStreams))
    func refusesByName() throws {
        let reasons = [
            "frext_FREXT01_JVC_D.264": "MBAFF pictures", "frext_HCAMFF1_HHI.264": "MBAFF pictures",
            "frext_FRExt4_Panasonic.avc": "MBAFF pictures", "frext_freh5.264": "MBAFF pictures",
            "frext_Freh7_B.264": "field pictures", "frext_HCAFF1_HHI.264": "field pictures",
            "frext_freh6.264": "field pictures", "frext_freh10.264": "field pictures",
            "jcodec_seq_dispersed_test.264": "slice groups (FMO)", "jcodec_seq_wipe_test.264": "slice groups (FMO)",
            "edge264_unsupp-nals.264": "data partitioning",
        ]
        for (name, reason) in reasons { try Self.expectRefusal(sharedStream(name), reason) }
    }

    @Test func refusesFixturesByName() throws {
        let fixtures = repository.appending("fixtures")
        try Self.expectRefusal(fixtures.appending("interlaced.ts"), "MBAFF pictures")
        try Self.expectRefusal(fixtures.appending("ten-bit.mp4"), "10-bit pictures")
        try Self.expectRefusal(fixtures.appending("av1.mkv"), "the bitstream of av1")
        for (format, reason) in [("yuv422p", "4:2:2 pictures"), ("yuv444p", "4:4:4 pictures")] {
            try Self.withStream("bframes=0", format) { try Self.expectRefusal($0, reason) }
        }
    }

    private static func expectRefusal(_ path: FilePath, _ reason: String) throws {
        let error = #expect(throws: PFrameError.self) {
            let reader = try BitstreamReader(path: path)
            while try reader.next() != nil {}
        }
        #expect(error?.code == .unsupported && error?.message.contains(reason) == true, "\(String(describing: error))")
    }

    /// Lends 20 pictures of moving noise, encoded by x264.
    static func withStream(_ options: String, _ format: String, _ body: (FilePath) throws -> Void) throws {
        try withTemporaryFolder { folder in
            let path = folder.appending("clip.mkv")
            let process = Process()
            process.executableURL = URL(filePath: try #require(program("ffmpeg")))
            process.arguments =
                ["-v", "error", "-nostdin", "-f", "lavfi", "-i", "testsrc2=size=176x112:rate=10"]
                + ["-vf", "noise=alls=9:allf=t,format=\(format)", "-frames:v", "20", "-c:v", "libx264"]
                + ["-preset", "slow", "-x264-params", "threads=1:\(options)", path.string]
            try process.run()
            process.waitUntilExit()
            try #require(process.terminationStatus == 0)
            try body(path)
        }
    }
}
