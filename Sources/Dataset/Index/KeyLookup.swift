import GRDB
import Storage

extension DatasetIndex {
    /// The places in the set of clips by their keys.
    ///
    /// - Returns: a place a key, and the keys that the set does not have; then the places are of no use.
    /// - Throws: `DatasetError`.
    func places(of keys: [Substring]) throws(DatasetError) -> (places: [Int], unknown: [String]) {
        try read { database in
            let statement = try database.makeStatement(sql: "SELECT number FROM clips WHERE key = ?")
            var places: [Int] = []
            var unknown: [String] = []
            for key in keys {
                let key = String(key)
                if let place = try Int.fetchOne(statement, arguments: [key]) {
                    places.append(place)
                } else {
                    unknown.append(key)
                }
            }
            return (places, unknown)
        }
    }
}
