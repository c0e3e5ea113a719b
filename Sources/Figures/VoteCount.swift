package import Storage
package import SystemPackage

/// The votes of a ``ComparisonPage``, counted: which set wins by majority, and how far the voters agree.
package struct VoteCount: Sendable, Encodable {
    /// What the votes for one question come to. Sets are 0 and 1, in the order of the key.
    package struct Question: Sendable, Encodable {
        /// `quality` or `faithfulness`.
        package let question: String
        /// Pairs that somebody judged.
        package let pairs: Int
        /// Pairs in which most voters chose the video of each set.
        package let won: [Int]
        /// Pairs with as many votes for one set as for the other.
        package let tied: Int
        /// The share of pairs that the first set wins; a tied pair counts half.
        package let share: Double
        /// Wilson's interval of 95 % for the share.
        package let interval: [Double]
        /// Votes for each set.
        package let votes: [Int]
        /// Pairs with several voters, and how many of these all voters judge alike.
        package let shared: Int
        /// See `shared`.
        package let unanimous: Int
        /// Fleiss' κ over the pairs with several voters; nil without such pairs, and where all votes are for one set.
        package let kappa: Double?
        /// The share of votes for the video on the left; far from a half, voters did not look.
        package let left: Double
        /// How often each reason was ticked for each set.
        package let reasons: [String: [Int]]
    }

    /// The folders of the two sets.
    package let sets: [String]
    /// Voters.
    package let raters: Int
    /// One for each question that was answered.
    package let questions: [Question]

    /// Counts the votes in files that a page saved.
    ///
    /// - Throws: `PFrameError` naming the file and the line if a file holds no votes of this page, or one voter answers
    ///   a question twice.
    package init(_ files: [FilePath], key: ComparisonKey) throws(PFrameError) {
        var votes: [Vote] = []
        var places: [[String]: String] = [:]
        for file in files {
            for vote in try Vote.votes(in: file, key: key) {
                let place = "\(file.shown): line \(vote.line)"
                let answered = [vote.rater, String(vote.pair), vote.question.rawValue]
                if let other = places.updateValue(place, forKey: answered) {
                    throw PFrameError(
                        .conflict, path: file,
                        "line \(vote.line): \(vote.rater) answers \(vote.question.rawValue) of pair \(vote.pair + 1) twice, "
                            + "first in \(other): give each voter a name of their own, and each file once")
                }
                votes.append(vote)
            }
        }
        guard !votes.isEmpty else { throw PFrameError(.missing, path: files.first, "no votes") }
        sets = key.sets
        raters = Set(votes.map(\.rater)).count
        questions = ComparisonQuestion.allCases.compactMap { question in
            let given = votes.filter { $0.question == question }
            return given.isEmpty ? nil : Question(question, given)
        }
    }
}

extension VoteCount.Question {
    fileprivate init(_ question: ComparisonQuestion, _ votes: [Vote]) {
        let counts = Dictionary(grouping: votes, by: \.pair).values.map { votes in
            [votes.count { $0.set == 0 }, votes.count { $0.set == 1 }]
        }
        let several = counts.filter { $0[0] + $0[1] > 1 }
        self.question = question.rawValue
        pairs = counts.count
        won = [counts.count { $0[0] > $0[1] }, counts.count { $0[1] > $0[0] }]
        tied = counts.count { $0[0] == $0[1] }
        share = (Double(won[0]) + Double(tied) / 2) / Double(pairs)
        interval = Agreement.interval(share, of: pairs)
        self.votes = [votes.count { $0.set == 0 }, votes.count { $0.set == 1 }]
        shared = several.count
        unanimous = several.count { $0.contains(0) }
        kappa = Agreement.kappa(several)
        left = Double(votes.count(where: \.isLeft)) / Double(votes.count)
        reasons = Dictionary(
            uniqueKeysWithValues: question.reasons.map { reason in
                (reason, (0...1).map { set in votes.count { $0.set == set && $0.reasons.contains(reason) } })
            })
    }
}

/// How far people who sort the same things agree.
package enum Agreement {
    /// Fleiss' κ (1971): the share of agreeing pairs of votes beyond chance, over the share that chance leaves.
    ///
    /// Things may have different numbers of votes, each at least 2: P_i is the share of agreeing pairs of votes of thing
    /// i, P̄ the mean of P_i, P_e the sum of squares of the shares that the categories have of all votes, and κ is
    /// (P̄ − P_e) / (1 − P_e). With equal numbers this is the formula of the paper.
    ///
    /// - Parameter counts: the votes of each thing for each category.
    /// - Returns: at most 1; nil without things, and where all votes are for one category.
    package static func kappa(_ counts: [[Int]]) -> Double? {
        guard let categories = counts.first?.count else { return nil }
        let all = Double(counts.joined().reduce(0, +))
        let agreeing = counts.map { votes in
            let number = votes.reduce(0, +)
            return Double(votes.map { $0 * ($0 - 1) }.reduce(0, +)) / Double(number * (number - 1))
        }
        let observed = agreeing.reduce(0, +) / Double(counts.count)
        let chance = (0..<categories).map { category in
            let share = Double(counts.map { $0[category] }.reduce(0, +)) / all
            return share * share
        }.reduce(0, +)
        return chance < 1 ? (observed - chance) / (1 - chance) : nil
    }

    /// Wilson's interval of 95 % (1927) for a share of `count` things.
    package static func interval(_ share: Double, of count: Int) -> [Double] {
        let (z, n) = (1.959963984540054, Double(count))
        let centre = (share + z * z / (2 * n)) / (1 + z * z / n)
        let half = z / (1 + z * z / n) * (share * (1 - share) / n + z * z / (4 * n * n)).squareRoot()
        return [max(0, centre - half), min(1, centre + half)]
    }
}

/// One answer of one voter.
private struct Vote {
    let line: Int
    let rater: String
    /// From 0.
    let pair: Int
    let question: ComparisonQuestion
    let isLeft: Bool
    /// The set that was chosen.
    let set: Int
    let reasons: [String]

    static let columns = ["page", "rater", "pair", "question", "choice", "reasons"]

    /// The votes of a file.
    static func votes(in file: FilePath, key: ComparisonKey) throws(PFrameError) -> [Vote] {
        var reader = CSVReader(try readFile(file))
        var fields: [CSVReader.Field] = []
        var votes: [Vote] = []
        var hasHeader = false
        while reader.seekRecord() {
            let line = reader.line
            func wrong(_ what: String) -> PFrameError { PFrameError(.damaged, path: file, "line \(line): \(what)") }
            do throws(CSVReader.Problem) { try reader.read(into: &fields) } catch {
                throw PFrameError(.damaged, path: file, "line \(error.line): \(error.message)")
            }
            let texts = fields.compactMap { reader.text($0) }
            guard texts.count == columns.count else {
                throw wrong("votes have the columns \(columns.joined(separator: ", "))")
            }
            if !hasHeader {
                guard texts == columns else { throw wrong("votes begin with \(columns.joined(separator: ","))") }
                hasHeader = true
                continue
            }
            guard texts[0] == key.page else {
                throw wrong("the votes are of page \(texts[0]), and the key is of page \(key.page)")
            }
            guard let number = Int(texts[2]), key.pairs.indices.contains(number - 1) else {
                throw wrong("the page has pairs 1 to \(key.pairs.count), not \"\(texts[2])\"")
            }
            guard let question = ComparisonQuestion(rawValue: texts[3]) else {
                throw wrong("\"\(texts[3])\" is not a question of the page")
            }
            guard ["left", "right"].contains(texts[4]) else {
                throw wrong("a choice is left or right, not \"\(texts[4])\"")
            }
            let isLeft = texts[4] == "left"
            let left = key.pairs[number - 1].left
            votes.append(
                Vote(
                    line: line, rater: texts[1], pair: number - 1, question: question, isLeft: isLeft,
                    set: isLeft ? left : 1 - left, reasons: texts[5].split(separator: ";").map(String.init)))
        }
        guard hasHeader else { throw PFrameError(.damaged, path: file, "the file is empty: save the votes again") }
        return votes
    }
}
