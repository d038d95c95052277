"""The words of the embedded corpus: kinds of entities, the names and endings they are made of, and phrases.

Together with Faker's, the names fill the slots of a form: ``{B}`` a surname, ``{L}`` a town, ``{C}`` a country and
``{N}`` its nationality. That some names are also words or places, and some endings fit several kinds, is on purpose.
A form's leading "the" is not part of the name. Phrases are written as the templates are, see `embedded_templates`.
"""

TYPES = {
    "P": "PER",  # person
    "C": "LOC",  # country
    "L": "LOC",  # town
    "G": "LOC",  # building, street, lake, mountain …
    "F": "ORG",  # firm
    "T": "ORG",  # team
    "A": "ORG",  # party, court, university, institution
    "N": "MISC",  # nationality, adjective of C with the same digit
    "E": "MISC",  # sports event or festival
    "W": "MISC",  # title of a book or film
    "D": "MISC",  # treaty, law, report, prize
    "M": "MISC",  # product, ship
}

# Given names and surnames that are also words, months or places: only the context tells.
WORD_FIRST_NAMES = """April|May|June|August|Mark|Bill|Will|Grace|Rose|Christian|Chase|Grant|Jean|Hope|Pat|Rob|Summer
|Victor|Dale|Chance|Jordan|Florence"""
WORD_SURNAMES = """Banks|Rivers|Snow|Price|Young|Frost|Major|Bush|Rice|King|Bishop|Church|Judge|Stone|Winter|Bond|Law
|Cash|Page|Day|Woods|Black|White|Short|Rich|Power|Sharp|Weeks|Nights"""
PLACE_SURNAMES = """Paris|Lincoln|Houston|Florence|Bern|Jackson|Washington|Lancaster|Berlin|London|York|Durham|Toledo
|Lyon|Sydney|Israel|Siena|Derby"""
CITIES = """Leeds|Lisbon|Madrid|Rome|Vienna|Brussels|Geneva|Zurich|Munich|Hamburg|Bonn|Frankfurt|Milan|Naples|Venice
|Barcelona|Porto|Amsterdam|Antwerp|Copenhagen|Oslo|Stockholm|Helsinki|Riga|Warsaw|Prague|Budapest|Sofia|Zagreb|Athens
|Istanbul|Moscow|Kiev|Cairo|Tunis|Nairobi|Lagos|Cape Town|New York|Chicago|Boston|San Diego|Los Angeles|Toronto
|Mexico City|Havana|Lima|Buenos Aires|Sao Paulo|Rio de Janeiro|Tokyo|Seoul|Beijing|Hong Kong|Manila|Bangkok|Singapore
|Delhi|Karachi|Tehran|Beirut|Melbourne|Dublin|Belfast|Glasgow|Liverpool|Manchester|Marseille|Basel"""
NATIONS = """Germany/German|France/French|Spain/Spanish|Italy/Italian|Portugal/Portuguese|Netherlands/Dutch
|Belgium/Belgian|Austria/Austrian|Switzerland/Swiss|Denmark/Danish|Norway/Norwegian|Sweden/Swedish|Finland/Finnish
|Poland/Polish|Hungary/Hungarian|Romania/Romanian|Croatia/Croatian|Greece/Greek|Turkey/Turkish|Russia/Russian
|Ukraine/Ukrainian|Britain/British|Ireland/Irish|England/English|Canada/Canadian|Mexico/Mexican|Brazil/Brazilian
|Chile/Chilean|Japan/Japanese|China/Chinese|India/Indian|Israel/Israeli|Jordan/Jordanian|Egypt/Egyptian
|Morocco/Moroccan|Kenya/Kenyan|Nigeria/Nigerian|Australia/Australian|Thailand/Thai|South Africa/South African
|United States/American|Czech Republic/Czech|Sri Lanka/Sri Lankan|Saudi Arabia/Saudi"""
ACRONYMS = """NATO|IMF|OECD|FIFA|UEFA|OPEC|NASA|FBI|CIA|BBC|WTO|ILO|UNESCO|UNICEF|ECB|IRA|KGB|IOC"""

FORMS = {
    "F": """{B} Industries|{B} Motors|{B} Holdings|{B} Bank|{B} AG|{B} Corp|{B} Inc|{B} & Co|{B} Brothers|{B} Petroleum
|{B} Airlines|{B} Steel|{B} Group|{B} Foods|{B} Press|{B} House|{B} Park|{B} Mills|{B} & {B}|Bank of {L}|{N} Airways
|{N} Telecom|{B} Securities|{B} Insurance|First {L} Bank|{B} Systems|{B} Stores|{B} Research""",
    "A": """the Bank of {L}|the University of {L}|{L} University|the {B} Institute|the {B} Foundation|{L} High Court
|the {N} Football Federation|the {N} Socialist Party|the Workers Union of {L}|the Ministry of {L} Affairs|the Senate
|the {C} Democratic Front|the {L} Stock Exchange|the Red Cross|the Supreme Court|the Christian Democrats|the Greens
|the Labour Party|the European Union|the European Commission|the World Bank|the House of Deputies|the {B} Commission
|the National Union of Railway Workers|the {N} Medical Association|{B} Hospital|{L} City Council|the Church of {C}
|the Social Democratic Party|the Federal Institute of Statistics|the {L} Court of Appeal""",
    "T": "{L}|{L}|{L} United|{L} City|{L} Rovers|{L} Rangers|{L} Athletic|Real {L}|{L} Bears|{B} Park|Sporting {L}",
    "G": """{B} Stadium|{L} Airport|Lake {B}|Mount {B}|{B} Street|{B} Park|{B} House|Cape {B}|{B} Island|{L} Cathedral
|{B} Square|{B} Valley|the {B} River|the Strait of {L}|the Gulf of {L}|North {L}|{B} Bridge|{B} Hall
|{L} Central Station""",
    "E": """{L} Open|{N} Open|{N} Grand Prix|Tour de {C}|Tour of {C}|{B} Cup|{L} Marathon|{L} Masters|World Cup|Olympics
|Davis Cup|European Championship|{L} Festival|{L} Classic|{B} Trophy|Six Days of {L}|{C} Games|{N} Derby""",
    "W": """The Bridges of {L}|Letters from {C}|Goodbye {L}|A Winter in {L}|The {B} Diaries|{B} and Sons|Miss {B}|{B}
|{L} Blues|The {N} Lesson|Return to {C}|Lady {B}|Songs of {L}|{B} at Sea|Nights in {L}|The House of {B}""",
    "D": """Treaty of {L}|{L} Accord|{B} Prize|{B} Report|Nobel Prize|{B} Act|{L} Declaration|{B} Plan|{L} Agreement
|{N} Constitution|{L} Convention|{B} Amendment|{B} Award|{L} Protocol|{B} Index""",
    "M": """{B} 200|{B} 400|{B} Mark II|{B} Express|{B} Spirit|{N} Star|{L} Star|{B} Jumbo|Lady {B}|Airbus 300
|Boeing 747|{B} X""",
}

PHRASES = {
    "day": "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday",
    "month": "January|February|March|April|May|June|July|August|September|October|November|December",
    "when": "on {day}|on {day}|late on {day}|on {day} night|last week|this month|in {month}|earlier this year"
    "|at the weekend|after midnight|in {year}|[next|last] {month}|yesterday",
    "said": "said|said|said|told reporters|told a news conference|announced|added|insisted|repeated|warned",
    "money": "{big} [dollars|marks|francs|pounds|crowns|lire|pesetas|yen]|$ {big}",
    "post": "Prime Minister|President|Foreign Minister|Finance Minister|Chancellor|Defence Secretary|ambassador"
    "|opposition leader|party chairman|deputy prime minister|Interior Minister|parliamentary speaker|King|Senator"
    "|government spokesman",
    "boss": "chief executive|chairman|finance director|spokesman|spokeswoman|managing director|founder"
    "|head of research|chief economist|analyst|board member|chief dealer",
    "player": "striker|goalkeeper|midfielder|defender|captain|coach|sprinter|top seed|champion|world number {small}"
    "|qualifier|left-hander|substitute|teenager|veteran|defending champion",
    "victim": "taxi driver|nurse|student|farmer|teacher|retired judge|shopkeeper|pilot|truck driver|mother of two"
    "|tourist",
    "critic": "writer|film director|conductor|painter|critic|actress|composer|poet|violinist|novelist|soprano"
    "|historian",
    "group": "farmers|workers|pensioners|small investors|voters|students|the unions|creditors|exporters|doctors"
    "|refugees|the courts|young families|taxpayers|the rebels|local businesses|fishermen|consumers|judges|banks",
    "plan": "budget|treaty|tax bill|peace plan|pension reform|merger|trade deal|ban on imports|ceasefire|new law"
    "|austerity plan|privatisation|election|reform of the courts|border agreement|wage pact|referendum",
    "verb": "hurt|help|divide|protect|punish|alarm|satisfy|reassure|ruin|surprise|cost jobs among|win over",
    "act": "[cut|raise|freeze] [taxes|interest rates|spending|pensions|tariffs]|send [troops|observers|food"
    "|doctors] to {C}|reopen talks with {C}|withdraw from the {plan}|sign the {plan}|postpone the {plan}"
    "|hold early elections|lift sanctions against {C}|extradite {P}|recognise {C}|build a {thing} near {L}"
    "|close its embassy in {L}",
    "thing": "bridge|dam|railway|hospital|power station|pipeline|school|tunnel|factory|harbour|prison|airport",
    "claim": "the {plan} would {verb} {group}|{group} had nothing to fear from the {plan}|the {plan} was [dead"
    "|in danger|ready]|there was no alternative to the {plan}|talks on the {plan} had [failed|made progress"
    "|begun] in {L}|he would [not|] {act}|it was too early to {act}|{C} should {act}"
    "|no decision had been taken on the {plan}|{group} would have to wait|the crisis was over|{P} had been [informed"
    "|misled|consulted]|it would {act}|the government would fall within {small} weeks|{A} had agreed to the {plan}"
    "|{group} and {group} were [equally|both] to blame|nobody wanted another war|the figures spoke for themselves"
    "|he had met {P} in {L} {when}",
    "quote": '" We [will not|must|can] {act} , "|" The {plan} will {verb} {group} , "'
    '|" I have never seen anything like it , "|" This is a [good|bad|black|great] day for {group} , "'
    '|" It is not over yet , "|" {C} deserves better , "|" We were lucky , "|" {P} is lying , "'
    '|" There is no money left , "|" Nobody told us about the {plan} , "',
    "tail": ", [sources|officials|diplomats|witnesses|police|dealers] said|, the [daily|weekly|agency] {F} reported"
    "|, according to {A}|, state [radio|television] said|, he added|, {P} said",
    "goods": "steel|cars|wheat|coffee|software|cement|textiles|shoes|machine tools|paper|oil|copper|aircraft parts"
    "|cocoa",
    "move": "rose|fell|gained|lost|climbed|slipped|jumped|dropped|eased|edged up|tumbled|added|shed",
    "why": "on strong demand for {goods}|after {F} [raised|cut] its forecast|amid fears over the {plan}"
    "|as {group} took profits|on hopes of lower rates|in thin trade|because of weak {goods} exports to {C}"
    "|despite the {plan}|after a strike at {F}|on rumours that {F} would bid for {F}|before a holiday in {C}"
    "|after {P} resigned",
    "crime": "fraud|murder|bribery|arson|tax evasion|libel|smuggling {goods}|kidnapping|insider trading"
    "|spying for {C}|negligence|blackmail|war crimes in {C}",
    "vehicle": "bus|ferry|freight train|tanker|helicopter|passenger train|light aircraft|lorry|cargo ship|tram|coach",
    "sky": "rain|snow|fog|storms|sunshine|drizzle|thunder|frost|hail|showers|cloud|gales",
    "sport": "Soccer|Tennis|Golf|Cycling|Athletics|Rugby|Cricket|Boxing|Basketball|Skiing|Swimming|Rowing|Badminton",
    "art": "opera|novel|exhibition|film|play|symphony|ballet|retrospective|translation|musical|concert|memoir",
    # What may stand before a sentence that opens with a name, and before the full stop of any.
    "opener": "As expected ,|In a statement ,|Hours later ,|In the end ,|For the second time this year ,|Even so ,"
    "|According to [a report|documents|people] [seen|quoted] by {F} ,|Unlike its neighbours ,|By {day} ,|In {L1} ,"
    "|With only {small} [days|weeks] left ,|After a [long|short|stormy] [meeting|night|week] ,|Despite the {plan} ,"
    "|[May|March|April] was [quiet|busy] but|Not for the first time ,|Like {P} before ,|At a [meeting|dinner] in {L} ,",
    "extra": ", the first time since {year} that this has happened [anywhere in the country|in so short a time|]"
    "|, but [few|most|many] people [expect|believe|doubt] that this will [last for long|change much|be the end of it]"
    "|, and there were signs {when} that more [trouble|help|money|talks] might be on the way|, while {group} [waited"
    "|prepared|prayed] for [better news|a quick end to it|the worst]|, which came as no surprise to [anyone"
    "|{group}] who had followed the affair from the start|after [hours|days|weeks] of [argument|silence|rumours"
    "|waiting] about what should be done with the {plan}|, though {claim}|because {claim}|, as {claim}"
    "|, a day after {claim}|in spite of [repeated|last-minute|strong] protests from {group} and [some|several] [older"
    "|younger] members|, one of the [largest|smallest|oldest] of its kind in this part of the world|[at a time"
    "|in a week] when {group} have other things to worry about than the {plan}|, and the mood among {group} [was"
    "|remained] [tense|calm|bitter] as the day drew to a close|without [giving|asking for] [any|further] [reasons"
    "|details] or saying what would happen to the {thing}|, but it was [far from"
    "|not] certain that the other side would see it in the same way"
    "|in front of a crowd of about {num} , some of whom had travelled through the night to be there"
    "|, although {P} , a {victim} from {L} , said the opposite {when}|and [will|may] do so again next [week|month"
    "|year] if the money can be found in time"
    "|, according to a report of {num} pages that was leaked to the {N} press {when}",
}
