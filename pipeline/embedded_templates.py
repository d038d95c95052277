"""What the embedded corpus is written from: names, phrases and sentence templates, all invented here.

A template is a line of words with three kinds of slots:

- ``[a|b|]``: one of the alternatives, here a, b or nothing; they nest.
- ``{day}`` (lower case): one of the alternatives of `PHRASES["day"]`, or a number made by `embedded.NUMBERS`.
- ``{P}`` (upper case): an entity. The letter is its kind, as listed in `embedded.TYPES`. With a digit it belongs to the
  document: ``{P1}`` is the same person throughout, in full when first mentioned and mostly in short later. ``{p1}`` is
  always short, and ``{x}`` is the short form of any entity the document has mentioned.

A first word ``^`` sets the line in upper case, ``~`` in title case, and ``*`` makes it the row of a table.
"""

# Given names and surnames that are also words, months or places: only the context tells.
WORD_FIRST_NAMES = """April May June August Mark Bill Will Grace Rose Christian Chase Grant Jean Hope Pat Rob Summer Victor
Dale Chance Jordan Florence""".split()
WORD_SURNAMES = """Banks Rivers Snow Price Young Frost Major Bush Rice King Bishop Church Judge Stone Winter Bond Law Cash
Page Day Woods Black White Short Rich Power Sharp Weeks Nights""".split()
PLACE_SURNAMES = """Paris Lincoln Houston Florence Bern Jackson Washington Lancaster Berlin London York Durham Toledo Lyon
Sydney Israel Siena Derby""".split()
CITIES = """Leeds|Lisbon|Madrid|Rome|Vienna|Brussels|Geneva|Zurich|Munich|Hamburg|Bonn|Frankfurt|Milan|Naples|Venice
|Barcelona|Porto|Amsterdam|Antwerp|Copenhagen|Oslo|Stockholm|Helsinki|Riga|Warsaw|Prague|Budapest|Sofia|Zagreb|Athens
|Istanbul|Moscow|Kiev|Cairo|Tunis|Nairobi|Lagos|Cape Town|New York|Chicago|Boston|San Diego|Los Angeles|Toronto
|Mexico City|Havana|Lima|Buenos Aires|Sao Paulo|Rio de Janeiro|Tokyo|Seoul|Beijing|Hong Kong|Manila|Bangkok|Singapore
|Delhi|Karachi|Tehran|Beirut|Melbourne|Dublin|Belfast|Glasgow|Liverpool|Manchester|Marseille|Basel"""
NATIONS = """Germany/German|France/French|Spain/Spanish|Italy/Italian|Portugal/Portuguese|Netherlands/Dutch|Belgium/Belgian
|Austria/Austrian|Switzerland/Swiss|Denmark/Danish|Norway/Norwegian|Sweden/Swedish|Finland/Finnish|Poland/Polish
|Hungary/Hungarian|Romania/Romanian|Croatia/Croatian|Greece/Greek|Turkey/Turkish|Russia/Russian|Ukraine/Ukrainian
|Britain/British|Ireland/Irish|England/English|Canada/Canadian|Mexico/Mexican|Brazil/Brazilian|Chile/Chilean
|Japan/Japanese|China/Chinese|India/Indian|Israel/Israeli|Jordan/Jordanian|Egypt/Egyptian|Morocco/Moroccan
|Kenya/Kenyan|Nigeria/Nigerian|Australia/Australian|Thailand/Thai|South Africa/South African|United States/American
|Czech Republic/Czech|Sri Lanka/Sri Lankan|Saudi Arabia/Saudi"""
ACRONYMS = """NATO IMF OECD FIFA UEFA OPEC NASA FBI CIA BBC WTO ILO UNESCO UNICEF ECB IRA KGB IOC""".split()

# What makes an entity of a base name; {B} is a surname or place, and some endings fit several types on purpose.
FIRMS = """{B} Industries|{B} Motors|{B} Holdings|{B} Bank|{B} AG|{B} Corp|{B} Inc|{B} & Co|{B} Brothers|{B} Petroleum
|{B} Airlines|{B} Steel|{B} Group|{B} Foods|{B} Press|{B} House|{B} Park|{B} Mills|{B} & {B}|Bank of {L}|{N} Airways
|{N} Telecom|{B} Securities|{B} Insurance|First {L} Bank|{B} Systems|{B} Stores|{B} Research"""
AGENCIES = """Bank of {L}|University of {L}|{L} University|{B} Institute|{B} Foundation|{N} Football Federation
|{N} Socialist Party|Workers Union of {L}|Ministry of {L} Affairs|{C} Democratic Front|{L} Stock Exchange|{L} High Court
|the Red Cross|the Supreme Court|the Senate|the Christian Democrats|the Labour Party|the European Union|the European Commission|the World Bank
|the National Union of Railway Workers|{N} Medical Association|{B} Commission|{B} Hospital|{L} City Council|the Greens
|the House of Deputies|the Social Democratic Party|the Federal Institute of Statistics|{L} Court of Appeal|Church of {C}"""
TEAMS = "{L}|{L}|{L} United|{L} City|{L} Rovers|{L} Rangers|{L} Athletic|Real {L}|{L} Bears|{B} Park|Sporting {L}"
VENUES = """{B} Stadium|{L} Airport|Lake {B}|Mount {B}|{B} Street|{B} Park|{B} House|Cape {B}|{B} Island|{L} Cathedral
|{B} Square|{B} Valley|{B} River|Strait of {L}|Gulf of {L}|North {L}|{B} Bridge|{B} Hall|{L} Central Station"""
EVENTS = """{L} Open|{N} Open|{N} Grand Prix|Tour de {C}|Tour of {C}|{B} Cup|{L} Marathon|{L} Masters|World Cup|Olympics
|Davis Cup|European Championship|{L} Festival|{L} Classic|{B} Trophy|Six Days of {L}|{C} Games|{N} Derby"""
WORKS = """The Bridges of {L}|Letters from {C}|Goodbye {L}|A Winter in {L}|The {B} Diaries|{B} and Sons|Miss {B}|{L} Blues
|The {N} Lesson|Return to {C}|Lady {B}|Songs of {L}|{B} at Sea|Nights in {L}|The House of {B}|{B}"""
DOCUMENTS = """Treaty of {L}|{L} Accord|{B} Prize|{B} Report|Nobel Prize|{B} Act|{L} Declaration|{B} Plan|{L} Agreement
|{N} Constitution|{L} Convention|{B} Amendment|{B} Award|{L} Protocol|{B} Index"""
MODELS = """{B} 200|{B} 400|{B} Mark II|{B} Express|{B} Spirit|{N} Star|{L} Star|{B} Jumbo|Lady {B}|Airbus 300|Boeing 747|{B} X"""

PHRASES = {
    "day": "Monday|Tuesday|Wednesday|Thursday|Friday|Saturday|Sunday",
    "month": "January|February|March|April|May|June|July|August|September|October|November|December",
    "when": "on {day}|on {day}|late on {day}|on {day} night|last week|this month|in {month}|earlier this year|at the weekend"
    "|after midnight|in {year}|[next|last] {month}|yesterday",
    "said": "said|said|said|told reporters|told a news conference|announced|added|insisted|repeated|warned",
    "money": "{big} [dollars|marks|francs|pounds|crowns|lire|pesetas|yen]|\\$ {big}",
    "post": "Prime Minister|President|Foreign Minister|Finance Minister|Chancellor|Defence Secretary|ambassador|opposition leader"
    "|party chairman|deputy prime minister|Interior Minister|parliamentary speaker|King|Senator|government spokesman",
    "boss": "chief executive|chairman|finance director|spokesman|spokeswoman|managing director|founder|head of research"
    "|chief economist|analyst|board member|chief dealer",
    "player": "striker|goalkeeper|midfielder|defender|captain|coach|sprinter|top seed|champion|world number {small}|qualifier"
    "|left-hander|substitute|teenager|veteran|defending champion",
    "victim": "taxi driver|nurse|student|farmer|teacher|retired judge|shopkeeper|pilot|truck driver|mother of two|tourist",
    "critic": "writer|film director|conductor|painter|critic|actress|composer|poet|violinist|novelist|soprano|historian",
    "group": "farmers|workers|pensioners|small investors|voters|students|the unions|creditors|exporters|doctors|refugees"
    "|the courts|young families|taxpayers|the rebels|local businesses|fishermen|consumers|judges|banks",
    "plan": "budget|treaty|tax bill|peace plan|pension reform|merger|trade deal|ban on imports|ceasefire|new law|austerity plan"
    "|privatisation|election|reform of the courts|border agreement|wage pact|referendum",
    "verb": "hurt|help|divide|protect|punish|alarm|satisfy|reassure|ruin|surprise|cost jobs among|win over",
    "act": "[cut|raise|freeze] [taxes|interest rates|spending|pensions|tariffs]|send [troops|observers|food|doctors] to {C}"
    "|reopen talks with {C}|withdraw from the {plan}|sign the {plan}|postpone the {plan}|hold early elections"
    "|lift sanctions against {C}|extradite {P}|recognise {C}|build a {thing} near {L}|close its embassy in {L}",
    "thing": "bridge|dam|railway|hospital|power station|pipeline|school|tunnel|factory|harbour|prison|airport",
    "claim": "the {plan} would {verb} {group}|{group} had nothing to fear from the {plan}|the {plan} was [dead|in danger|ready]"
    "|there was no alternative to the {plan}|talks on the {plan} had [failed|made progress|begun] in {L}"
    "|he would [not|] {act}|it was too early to {act}|{C} should {act}|no decision had been taken on the {plan}"
    "|{group} would have to wait|the crisis was over|{P} had been [informed|misled|consulted]|it would {act}"
    "|the government would fall within {small} weeks|{A} had agreed to the {plan}|{group} and {group} were [equally|both]"
    " to blame|nobody wanted another war|the figures spoke for themselves|he had met {P} in {L} {when}",
    "quote": '" We [will not|must|can] {act} , "|" The {plan} will {verb} {group} , "|" I have never seen anything like it , "'
    '|" This is a [good|bad|black|great] day for {group} , "|" It is not over yet , "|" {C} deserves better , "'
    '|" We were lucky , "|" {P} is lying , "|" There is no money left , "|" Nobody told us about the {plan} , "',
    "tail": ", [sources|officials|diplomats|witnesses|police|dealers] said|, the [daily|weekly|agency] {F} reported"
    "|, according to {A}|, state [radio|television] said|, he added|, {P} said",
    "goods": "steel|cars|wheat|coffee|software|cement|textiles|shoes|machine tools|paper|oil|copper|aircraft parts|cocoa",
    "move": "rose|fell|gained|lost|climbed|slipped|jumped|dropped|eased|edged up|tumbled|added|shed",
    "why": "on strong demand for {goods}|after {F} [raised|cut] its forecast|amid fears over the {plan}|as {group} took profits"
    "|on hopes of lower rates|in thin trade|because of weak {goods} exports to {C}|despite the {plan}|after a strike at {F}"
    "|on rumours that {F} would bid for {F}|before a holiday in {C}|after {P} resigned",
    "crime": "fraud|murder|bribery|arson|tax evasion|libel|smuggling {goods}|kidnapping|insider trading|spying for {C}"
    "|negligence|blackmail|war crimes in {C}",
    "vehicle": "bus|ferry|freight train|tanker|helicopter|passenger train|light aircraft|lorry|cargo ship|tram|coach",
    "sky": "rain|snow|fog|storms|sunshine|drizzle|thunder|frost|hail|showers|cloud|gales",
    "sport": "Soccer|Tennis|Golf|Cycling|Athletics|Rugby|Cricket|Boxing|Basketball|Skiing|Swimming|Rowing|Badminton",
    "art": "opera|novel|exhibition|film|play|symphony|ballet|retrospective|translation|musical|concert|memoir",
}

# Any document, whatever its topic. The first lines leave the type of {x} open on purpose.
COMMON = """
{x} declined to comment .
{x} declined to comment [on the {plan}|{when}|further] .
{x} [gave no details|could not be reached|was not available] [{when}|for comment|] .
{x} was [not|] [surprised|pleased|worried] [by the {plan}|by the news|] .
[But|Still ,|Meanwhile] {x} [won|lost|waited|agreed|refused|hesitated] .
{x} [rejected|welcomed|denied] the [report|offer|allegations|result] {when} .
{when} {x} [wanted|promised|needed] more [time|money|support] .
The [report|letter|decision] [praised|criticised|surprised] {x} [and {x}|] .
[Relations|Contacts|Talks|Differences] between {x} and {x} [were|remained] [difficult|cordial|tense] .
What {x} wants is [clear|unclear|another matter] .
{quote} {P1} {said} .
{quote} {p1} {said} {when} .
{quote} said {P} , {boss} of {F} .
{quote} he {said} [in {L1}|] .
{quote} Mr {p1} [wrote|said] in a letter to {A} .
{p1} {said} [that|] {claim} [{tail}|] .
{P} , {post} of {C1} , {said} {claim} .
{P} of {A1} {said} {claim} [{when}|] .
He [{said}|said] {claim} .
She {said} that {claim} {tail} .
[No further details|No details|No names] were [given|available] .
It was not [immediately|] clear whether {claim} .
[Witnesses|Officials|Diplomats] in {L1} said {claim} .
[Banks|Shops|Schools|Offices|Markets] in {C1} will be closed {when} .
[Young|Rich|Black|White|Short|Sharp] [people|words|replies|looks] [greeted|met|followed] {P1} in {L1} .
[Prices|Rivers|Weeks|Nights|Rice|Snow|Cash|Power] [had become|had been|was|were] a problem for {group} in {L} , {p1} said .
[Price|Stone|Field|Law|Power|Day|Page] [by|after|and] [price|stone|field|law|power|day|page] , the {plan} [took shape|failed] .
[May|Will|Can] {P1} [still|ever|really] [win|resign|return] [, {group} asked|?]
[Mark|March|April|May|August|June] [figures|sales|orders|results] [were|looked] [better|worse] than [expected|in {C}] .
[Grant|Rob|Bill|Chase|Mark] [money|applications|collectors|letters] [worried|reached] {A1} {when} .
The [{N1}|] [government|cabinet|press|public|army] [was|remained] [divided|silent|cautious] {when} .
{P1} was born in {L} in {year} , [the son of a {victim}|the daughter of a {critic}|and studied at {A}] .
{P1} [married|met|left|succeeded] {P} in {year} [, when both [worked|studied] in {L}|] .
{P1} and {P} [flew|travelled|moved] from {L1} to {L} {when} [to meet {P}|] [{tail}|] .
Both [{x}|{L}|{P}|{F}] and [{x}|{L}|{P}|{F}] [were mentioned|were named|appeared] in the {art} .
The weekly {F} [asked|quoted|named] [{x}|{P}|{F}] [{when}|] .
[{N}|{N1}] and {N} [newspapers|officials|diplomats|readers] [disagreed|were puzzled] .
-- {L1} newsroom + {small} {small} {num} {num}
Newsroom , {L1} {num}
( {money} = \\$ {num} )
"""

TOPICS = {
    "politics": """
{P1} , {N1} {post} , {said} {when} that {claim} .
{C1} {when} [rejected|accepted|studied] a [{N2}|new|secret] proposal to {act} .
[{N1}|] {post} {P1} [will visit|arrived in|left for|returned from] {L1} {when} [for talks with {P2}|] [{tail}|] .
{p1} , {age} , has led {A1} since {year} [and was minister under {P}|] .
{A1} [won|lost] {small} seats in {L1} [and {L2}|] , [where|although] turnout was {pct} .
{A1} [, which governs {C1} ,|] voted {when} [against|for] the {plan} .
[Lawmakers|Deputies|Senators] from {A1} {said} {claim} [, but {A2} disagreed|] .
President {P2} of {C2} [met|telephoned|received|avoided] {P1} in {L1} {when} .
{L1} and {L2} [have been|are] [at odds|in talks|united] over the {plan} since {when} .
{L1} [said|warned|announced] {when} [that|] it would {act} .
The [{N1}|{N2}] parliament [passed|debated|blocked] the {plan} by {num} votes to {num} .
The {plan} , drafted by {P} and {P} of {A1} , would {verb} {group} , {claim} and {act} , which {C2} has opposed since {year} .
About {num} [{N1}|] {group} marched through {L1} {when} to protest against the {plan} .
Under the {D1} [of {year}|] , {C1} and {C2} must {act} by {year} .
{N1} [troops|diplomats|voters|ministers] [left|entered|ignored] {L2} {when} .
The [{N1}|] [government|opposition] [, led by {P1} ,|] [is expected to|may|refused to] {act} .
* {C} : {pct} , {C} : {pct} .
[Analysts|Critics] compared {p1} [with|to] {P} , who resigned as {post} [in {year}|over the {D}] .
{A1} nominated {P3} , a former {victim} from {L2} , [to succeed {p1}|as its candidate] .
{p1} , [not|rather than] {P3} , [should|must] {act} , [{A2}|{A1}] {said} {when} .
[Ministers|Envoys] from {C1} , {C2} , {C} and {C} meet at {G} in {L1} {when} to discuss the {plan} .
In {L2} , {P2} told {A} that {claim} and that {claim} .
[Relations with|Aid for|Sanctions against|Exports to] {C2} [were suspended|will continue] , {L1} said .
""",
    "markets": """
{F1} [shares|stock|bonds] {move} {pct} to {price} [in {L1}|] {why} .
{F1} {move} {pct} [to {price}|] {when} [{why}|] .
{p1} [, {boss} of {F1} ,|] {said} {claim} .
{F1} [said|announced] {when} it [would buy|had sold|plans to take over] {F2} [of {C1}|] for {money} .
{F1} , the [{N1}|{L1}-based] {goods} maker , [named|dismissed|appointed] {P1} as {boss} .
The {L1} [bourse|market|exchange] [closed|opened|ended] {pct} [higher|lower] {why} .
{E1} sponsor {F1} [posted|reported] a [net|pretax] [profit|loss] of {money} [for {year}|in the first half] .
{N1} [stocks|bonds|shares|exports] {move} {when} {why} .
The {N1} central bank [left|cut|raised] its [key|discount] rate [at|to] {pct} , [in line with|to the surprise of] {group} .
[Dealers|Analysts|Brokers] in {L1} said {F1} , {F2} and {F} {move} {why} .
* {F} {price} + {small}
* {F} {price} - {small}
* {L} {price} {price}
{F1} [rival|subsidiary|supplier] {F2} [cut|hired|lost] {num} [jobs|workers|staff] in {L2} [and {L}|] .
{P1} , {boss} at {F2} in {L2} , said {F1} [was|looked] [cheap|expensive] at {price} .
[Sales|Output|Exports|Orders] of {goods} [at {F1}|in {C1}] {move} by {pct} in {month} .
{quote} said {P2} , {boss} at {F2} [in {L1}|] .
[Total|Net] assets : {money} .
Moody 's [raised|lowered] its rating on {F1} [and {F2}|] , citing the {plan} and a fall in {goods} prices [in {C1}|] .
{F1} [was founded|was set up] in {L1} in {year} by {P} and {P} , [who|both] [came from|grew up in] {L} .
The [dollar|mark|franc|pound] {move} against the [yen|lira|crown|peseta] {why} .
Investors [sold|bought|watched] [{F1}|{F2}|{x}] [and {F}|] {why} .
{A1} [fined|cleared|sued] {F1} over its [purchase|sale] of {F2} [{tail}|] .
[{N1}|{L1}] [chain|group|bank|airline] {F1} is to sell [{F2}|its {L1} branch|a {goods} mill] [to {F}|] for {money} .
""",
    "soccer": """
{T1} [beat|defeated|thrashed|lost to|drew with] {T2} {score} [in {L1}|] [{when}|] .
* {T} {small} {T} {small}
* {T} {small} {T} {small} ( halftime {score} )
* {T} {small} {small} {small} {small} {small} {small} {small}
[{N1}|] {player} {P1} scored [twice|after {small} minutes|a late winner] as {T1} beat {T2} {score} [at {G1}|in {L1}] .
{P1} [, the {N1} {player} ,|] [joined|left|signed for] {T2} [from {T3}|] for {money} {when} .
{p1} put {T1} ahead after {small} minutes but {P2} equalised [for {T2}|] [before the break|late on] .
Scorers : {T1} - {P1} ( {small}th minute ) , {P2} ( {small}th ) ; {T2} - {P3} ( {small}th )
Attendance : {num}
[Standings|Results] ( tabulate under games played , won , drawn , lost , goals for , against , points ) :
{T1} have not won in {L1} since {year} [, when {P} was their {player}|] .
{T1} [travel|flew|return] to {L2} {when} [to play {T3}|without {P1}] .
{C1} [beat|lost to|drew with|play] {C2} {score} [in {L1}|] in a {E1} qualifier .
[Coach|Captain|Manager] {P3} [left out|praised|dropped|blamed] {p1} [for the match against {T3}|after the defeat in {L2}] .
{p1} [of {T1}|] was sent off [for a foul on {P2}|] [in the {small}th minute|] .
{T1} are [top|second|third|bottom] , {small} points [ahead of|behind] {T2} and {small} [ahead of|behind] {T3} .
{E1} : {T1} v {T2} , {G1} , {L1} .
[Fans|Supporters] of {T1} [and {T2}|] clashed [with police|] in {L1} {when} .
{A1} [banned|fined] {P1} and {T2} after [trouble|a brawl] [in {L2}|at {G1}] .
{L1} [goes|went] wild when {T1} won the {E1} in {year} .
{quote} said {T1} {player} {P2} .
[Halftime|Goals|Referee] : {P3} ( {C1} )
""",
    "races": """
{sport} - {E1} [results|scores] .
* {small} . {P} ( {C} ) {time}
* {small} . {P} ( {C} ) {F} {time}
* {small}. {P} , {C} , {F} , {small} seconds behind
* {P} {golf} {golf} {golf} {golf}
* {P} ( {C} ) beat {P} ( {C} ) {set} {set}
{small} - {P1} ( {C1} ) beat {small} - {P2} ( {C2} ) {set} {set} {set}
{P1} of {C1} [won|lost] the {E1} {when} [, beating {P2} {set} {set}|ahead of {P2} and {P3}] .
[{N1}|{N2}] {player} {P1} [pulled out of|entered|missed|dominated] the {E1} [in {L1}|] [with a knee injury|] .
{p1} [beat|lost to|overtook] {p2} [in the final|in {L1}] .
{p1} , who drives for {F1} , [clocked|needed] {time} [in {L1}|at {G1}] .
[Leading|Final|Overall] [scores|placings|results] [after the {small}th stage|] of the {E1} from {L1} to {L2} :
Women 's {num} metres :
[Quarterfinals|Semifinals|Second round|Men 's singles] :
{C1} [won|took] {small} [gold|silver|bronze] medals at the {E1} , {C2} only {small} .
{N1} [fans|officials|sprinters|riders] [cheered|blamed] {p1} {when} .
{P3} , riding [for|against] {F1} , [crashed|fell|attacked] on {G1} , {small} kilometres from {L2} .
{quote} the {N1} {said} .
{quote} {p1} said after [winning|losing] [the {E1}|in {L1}] .
Last year 's winner {P2} [retired|withdrew] {when} , leaving {P3} [of {C2}|of {F}] in front .
It was the {small}th title for {p1} , who [trains|lives] in {L2} [with {P}|] and [won|lost] the {E} in {year} .
""",
    "courts": """
A [{N1}|] court [sentenced|acquitted|fined] {P1} , a {victim} from {L1} , [to {small} years|] for {crime} {when} .
{P1} , {age} , [was charged|was arrested|pleaded guilty] in {L1} {when} [to|with] {crime} [{tail}|] .
{P2} , [lawyer|counsel] for {p1} , {said} {claim} .
Judge {P3} [adjourned|dismissed|heard] the case [against {P1}|against {F1}|] {when} .
{A1} [ruled|decided] {when} that {F1} must pay {P1} {money} .
{F1} [sued|is suing] {F2} [and {P2}|] in {L1} for {money} over the {D1} .
Police in {L1} [found|seized|were looking for] {num} [kilos of heroin|weapons|stolen cars] [near {G1}|at {G1}] {when} .
{p1} [denied|admitted] {crime} [and said {claim}|] .
The {victim} , [identified as|named as] {P} , {age} , was [shot|stabbed|attacked] [in {G1}|near {L2}] {when} .
{C1} [asked|refused] {C2} to extradite {P1} , [who is|] wanted for {crime} .
Detectives [from {A1}|] questioned {p1} [and {P2}|] about {crime} in {L2} , {L} and {L} between {year} and {year} {tail} .
{p1} v {F1}
[Prosecutor|Inspector|Judge] {P3} {said} {claim} [{tail}|] .
A jury of {small} [men|women] heard that {p1} had [met|paid|betrayed|followed] {P} at {G} in {L} .
Under the {D1} [{p1}|the {victim}|{P2}] faces up to {small} years .
{A1} [upheld|overturned|quashed] the [sentence|verdict] [on {p1}|] [, {P2} said|] .
The trial of {P1} and {small} other {N1} nationals [opened|resumed] in {L1} {when} .
""",
    "weather": """
Heavy {sky} [closed|cut off|hit] {L1} [and {L2}|] {when} .
* {L} {small} {small} {sky}
{C1} : {sky} in the [north|south|west] , {sky} [over {G1}|near {L1}|later] .
[Floods|Storms|Forest fires|Landslides] killed {num} people in {C1} {when} {tail} .
At least {small} people [died|were hurt|were missing] when a {vehicle} [overturned|sank|caught fire] [near {L1}|off {G1}|in {C1}] {when} .
The {vehicle} , [operated|owned] by {F1} , was [bound for|on its way from] {L2} [with {num} passengers|] .
{P1} of {A1} [put|measured] the quake at {rate} in {L1} and {L2} .
Rescue teams from {C2} [reached|left] {L1} {when} .
{quote} said {P2} , a {victim} [in {L1}|from {L2}] .
{G1} [was closed|reopened] {when} [because of {sky}|] .
The storm was [{num} km|] [off {G1}|south of {L1}] , moving [north|west] .
[Snow|Frost|Rivers|Waters|Winter|Storm] [came|rose|stayed|returned] early this year [in {L1}|to {C1}|] , {A1} said .
{F1} [cancelled|delayed] {num} flights [to {L2}|from {L1} to {L2}] [after|during] the {sky} .
The road [from {L1} to {L2}|over {G1}] was blocked [by {sky}|after a {vehicle} crash] .
[The|A] {N1} {vehicle} [, the {M} ,|] [ran aground|broke down] [off {G1}|near {L2}] , {p1} said .
Temperatures in {L1} [fell|rose] to {small} degrees , the [lowest|highest] since {year} .
{L1} airport [was|remained] [closed|open] , but {F1} [moved|diverted] flights to {L2} .
""",
    "culture": """
{P1} , the {N1} {critic} , [died|was honoured|opens an exhibition] in {L1} {when} .
{P1} 's [new|last|best] {art} [ , " {W1} " ,|] [opened|failed|begins] in {L1} {when} .
" {W1} " by {P1} ( {F1} , {num} pages )
" {W1} " , an {art} by {P1} about {P} , was [praised|attacked] by {group} [in {C1}|] .
The {E1} [opens|ended|was cancelled] {when} [with a {art} by {P1}|] .
{p1} 's {art} about {L2} [won|lost] the {D} [in {year}|] .
{p1} [plays|sings|reads|conducts] {P} [at {G1}|in {L1}] {when} .
The {art} [moves|travels] from {L1} to {L2} , {L} and {L} {when} , [{A1}|{F1}] said .
{N1} {critic} {P2} [, {age} ,|] [called|found] the {art} [a triumph|dull|brave] .
{A1} [bought|sold|lent] a {P2} painting [of {L2}|] [to {A}|for {money}] .
{P2} [was|is] a {N2} {critic} who lived in {L2} [, {L}|] and {L} until {year} and translated {P} into {N} .
[Readers|Visitors] [to {G1}|in {L1}] [queue|waited] for [hours|{small} hours] to see {p1} .
{N1} [novels|films|operas|poets] [fill|filled] the {E1} .
[Publisher|Gallery owner|Producer] {P3} of {F1} [bought|refused] the [rights to " {W1} "|{art}] .
{P1} learned {N2} [in {L2}|] and [taught|studied] at {A1} [until {year}|] .
[Born|Raised] in {L2} , {p1} [joined|left] {F1} in {year} [and {A1} later|] .
{F1} [, {P3} 's [company|label] ,|] [will publish|released|withdrew] " {W1} " {when} .
""",
    "labour": """
[Workers|Pilots|Drivers|Miners|Nurses] at {F1} in {L1} [went on strike|returned to work] {when} [over the {plan}|] .
{A1} [called|cancelled|threatened] a strike [at {F1}|in {C1}] {when} .
{A1} [leader|president|secretary] {P1} {said} {claim} .
{F1} [offered|refused] {group} a pay rise of {pct} .
{F1} [and {A1}|] [agreed|failed to agree] on the {plan} after {small} hours of talks [in {L1}|at {G1}] {tail} .
{p1} , who [joined|left] {A1} [in {year}|] , [negotiates|speaks] for {num} {group} [at {F1}|in {L1} and {L2}] .
[Trains|Buses|Ferries|Flights] between {L1} and {L2} were [cancelled|delayed] {when} .
Unemployment in {C1} {move} to {pct} in {month} , {A2} said .
{F1} will [close|sell|move] its {L2} [plant|yard|mine] [, {boss} {P2} said|] .
{F2} , [a unit of|which supplies|] {F1} , [employs|laid off] {num} people in {L1} , {L2} and {L} and makes {goods} and {goods} for {F} .
The {N1} [car|steel|coal|shoe] industry [lost|needs] {num} jobs [, {A2} {said}|] .
[{N1}|{L1}] union {A1} [met|sued|blamed] {F1} [and {p2}|] {when} .
Scientists at {A2} [, led by {P3} ,|] [found|believe] that {goods} workers [live longer|sleep less] .
{P3} of {A2} [presented|published] the {D1} in {L2} {when} .
{F1} presented its [new|long-awaited] {M1} [in {L2}|at the {E}] {when} .
The {M1} [costs|cost] {money} [, {P2} said|and is built in {C1}] .
""",
}

# First lines of a document.
HEADLINES = {
    "politics": """^ {C1} [rejects|backs|debates] [{N2}|] [plan|peace offer|aid] .
^ {p1} [to visit|quits|in talks with] [{C2}|{L1}|{A1}] .
^ {L1} [waits|votes|protests] [again|] .
^ Government [wins|loses] [key|] vote .
^ Official journal contents .""",
    "markets": """^ {f1} shares [fall|rise] [in {L1}|] .
^ {N1} [stocks|bonds] [end|open] [lower|higher] .
^ [Dollar|Gold|Cocoa|Oil] [steady|up|down] [in early trade|] .
^ {f1} [sees|posts] [loss|higher profit] [in {C1}|] .
~ Research alert - {f1} [cut|raised] .""",
    "soccer": """^ Soccer - {N1} first division [results|standings] .
^ Soccer - {t1} [beat|crush|hold] {t2} .
^ Soccer - {p1} [joins|leaves] {t1} .
~ Results of {N1} league matches [played on {day}|] .
^ Late goal settles cup tie .""",
    "races": """^ {sport} - {E1} [results|scores] .
^ {sport} - {p1} [wins|leads] [{E1}|in {L1}] .
^ {sport} - {N1} [title|women 's] [results|race] .
~ Leading money winners .""",
    "courts": """^ {p1} [jailed|freed|charged] [in {L1}|in {C1}|] .
^ {N1} [judge|court] [clears|jails] [{p1}|{f1}|banker] .
^ Two held over [art theft|bomb scare] [in {L1}|] .""",
    "weather": """^ [Floods|Storm] [hit|hits] [{L1}|{C1}|coast] .
^ {vehicle} [crash|fire] [kills {small}|] in {L1} .
~ Weather conditions in {C1} .
^ Snow shuts [roads|{G1}|{L1} airport] .""",
    "culture": """^ {p1} , {N1} {critic} , [dead|honoured] at {age} .
^ {E1} opens in {L1} .
~ Books : {p1} returns to {L1} .
^ New {art} divides critics .""",
    "labour": """^ {f1} [strike|pay talks] [ends|goes on] [in {L1}|] .
^ {A1} [calls|ends] strike .
~ Press digest - {C1} .
^ Jobless total [up|down] [in {C1}|] .""",
}
DATELINES = ("^ {L1} {date}", "{L1} {date}", "{L1} ( {F} ) {date}", "[By|] {P1}")

# What may stand before a sentence that opens with a name, and before the full stop of any.
OPENERS = (
    "As expected ,", "In a statement ,", "Hours later ,", "In the end ,", "For the second time this year ,", "Even so ,",
    "According to [a report|documents|people] [seen|quoted] by {F} ,", "Unlike its neighbours ,", "By {day} ,", "In {L1} ,",
    "With only {small} [days|weeks] left ,", "After a [long|short|stormy] [meeting|night|week] ,", "Despite the {plan} ,",
    "[May|March|April] was [quiet|busy] but", "Not for the first time ,", "Like {P} before ,", "At a [meeting|dinner] in {L} ,",
)  # fmt: skip
EXTRAS = (
    ", the first time since {year} that this has happened [anywhere in the country|in so short a time|]",
    ", but [few|most|many] people [expect|believe|doubt] that this will [last for long|change much|be the end of it]",
    ", and there were signs {when} that more [trouble|help|money|talks] might be on the way",
    ", while {group} [waited|prepared|prayed] for [better news|a quick end to it|the worst]",
    ", which came as no surprise to [anyone|{group}] who had followed the affair from the start",
    "after [hours|days|weeks] of [argument|silence|rumours|waiting] about what should be done with the {plan}",
    ", though {claim}", "because {claim}", ", as {claim}", ", a day after {claim}",
    "in spite of [repeated|last-minute|strong] protests from {group} and [some|several] [older|younger] members",
    ", one of the [largest|smallest|oldest] of its kind in this part of the world",
    "[at a time|in a week] when {group} have other things to worry about than the {plan}",
    ", and the mood among {group} [was|remained] [tense|calm|bitter] as the day drew to a close",
    "without [giving|asking for] [any|further] [reasons|details] or saying what would happen to the {thing}",
    ", but it was [far from|not] certain that the other side would see it in the same way",
    "in front of a crowd of about {num} , some of whom had travelled through the night to be there",
    ", although {P} , a {victim} from {L} , said the opposite {when}",
    "and [will|may] do so again next [week|month|year] if the money can be found in time",
    ", according to a {num} - page report that was leaked to the {N} press {when}",
)  # fmt: skip
